"""What was answered 2xx, against what the providers took and the outbox holds."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, pairwise

import msgspec

from tests.crash.pushes import Answer, Push, Reception

AFTERWARDS = 3.0
"""Seconds between a provider's yes and the moment at which the outbox has it on disk, on a busy machine."""
UNANSWERED, NO_CAUSE = "its answer never came", "without a cause"
"""Causes of a repetition beside incidents: a fault that was ordered of the provider, and one that is ours."""


class Incident(msgspec.Struct, frozen=True):
    """Something was killed at `begin` and back at `end` (UNIX seconds)."""

    what: str
    begin: float
    end: float

    def explains(self, taken_at: float) -> bool:
        """Tell whether what a provider took then may have been forgotten."""
        return self.begin - AFTERWARDS <= taken_at <= self.end + AFTERWARDS


class Findings(msgspec.Struct, frozen=True):
    """What the comparison has shown.

    `missing` are owed, and neither taken nor held. `repeated` counts the times a push came again after a provider's
    yes, by what explains it; `unexplained` are those that nothing explains. `renamed` came by more than one apns-id,
    be it only to be refused. `disordered` are owed and were taken after a later one to the same device. `unasked` were
    taken and not owed: their sender heard no 2xx.
    """

    sent: int
    skipped: int
    answers: Mapping[str, int]
    owed: int
    receptions: int
    missing: Sequence[Push]
    held: Sequence[Push]
    repeated: Mapping[str, int]
    unexplained: Sequence[Push]
    renamed: Sequence[Push]
    disordered: Sequence[Push]
    unasked: int
    incidents: int

    def faults(self, *, in_order: bool = False) -> list[str]:
        """Say what must not be; order counts only where nothing was killed."""
        kinds = {
            "missing": self.missing,
            "held": self.held,
            "repeated without a cause": self.unexplained,
            "repeated by another apns-id": self.renamed,
            "out of order": self.disordered if in_order else (),
        }
        return [f"{len(pushes)} {kind}, such as {_some(pushes)}" for kind, pushes in kinds.items() if pushes]

    def rows(self) -> list[tuple[str, str]]:
        """Write everything as a table's rows."""
        counts = {
            "pushes sent": self.sent,
            "not sent, for every device still waited": self.skipped,
            **{f"... answered {answer}": count for answer, count in self.answers.items()},
            "owed (answered 2xx)": self.owed,
            "received by the providers, refused ones included": self.receptions,
            "missing": len(self.missing),
            "still in the outbox": len(self.held),
            **{f"repeated: {cause}": count for cause, count in self.repeated.items()},
            "repeated by another apns-id": len(self.renamed),
            "out of order": len(self.disordered),
            "taken, though the sender heard nothing": self.unasked,
            "incidents": self.incidents,
        }
        return [(name, f"{count:,}") for name, count in counts.items()]


def examine(
    answers: Sequence[Answer],
    receptions: Sequence[Reception],
    held: Collection[Push] = (),
    incidents: Sequence[Incident] = (),
    skipped: int = 0,
) -> Findings:
    """Compare.

    Args:
        answers: of all pushes that were sent.
        receptions: in the order in which each provider had them.
        held: what the outbox still holds.
        incidents: what was killed, and when.
        skipped: how many pushes could not be sent at their time.
    """
    owed = {answer.push for answer in answers if answer.is_owed}
    came = _came(receptions)
    taken = {push: times for push, times in came.items() if any(one.is_taken for one in times)}
    causes = {push: list(_causes(times, incidents)) for push, times in came.items()}
    return Findings(
        sent=len(answers),
        skipped=skipped,
        answers=dict(Counter(map(_words, answers)).most_common()),
        owed=len(owed),
        receptions=len(receptions),
        missing=sorted(owed - taken.keys() - set(held)),
        held=sorted(held),
        repeated=dict(Counter(chain.from_iterable(causes.values()))),
        unexplained=sorted(push for push in causes if NO_CAUSE in causes[push]),
        renamed=sorted(push for push, times in came.items() if len({one.apns_id for one in times}) > 1),
        disordered=_disordered(_first_taken(receptions, owed)),
        unasked=len(taken.keys() - owed),
        incidents=len(incidents),
    )


def _came(receptions: Iterable[Reception]) -> dict[Push, list[Reception]]:
    """Collect the times each push came."""
    came: dict[Push, list[Reception]] = {}
    for reception in receptions:
        came.setdefault(Push.known_by(reception.message_id), []).append(reception)
    return came


def _causes(times: Iterable[Reception], incidents: Sequence[Incident]) -> Iterator[str]:
    """Say of each time that a push came after a provider's yes why it did."""
    for before, _ in pairwise(one for one in times if one.status == 200):
        explaining = (incident.what for incident in incidents if incident.explains(before.at))
        yield next(explaining, NO_CAUSE) if before.is_answered else UNANSWERED


def _first_taken(receptions: Iterable[Reception], owed: Collection[Push]) -> list[Push]:
    """Return the pushes in the order in which each was first taken."""
    taken = (Push.known_by(reception.message_id) for reception in receptions if reception.is_taken)
    return [push for push in dict.fromkeys(taken) if push in owed]


def _disordered(pushes: Sequence[Push]) -> list[Push]:
    """Return those behind a later one to the same device."""
    device = lambda push: (push.provider, push.device)  # noqa: E731 - the key of a group
    late = []
    for _, group in groupby(sorted(pushes, key=device), key=device):  # sorting keeps the order within a device
        newest = 0
        for push in group:
            late += [push] if push.number < newest else []
            newest = max(newest, push.number)
    return late


def _words(answer: Answer) -> str:
    return "nothing" if answer.status is None else f"{answer.status} {answer.outcome}"


def _some(pushes: Sequence[Push]) -> str:
    return ", ".join(push.message_id for push in pushes[:5])


class Latency(msgspec.Struct, frozen=True):
    """How long answers took, in seconds."""

    count: int
    median: float
    p99: float
    longest: float

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> "Latency":
        """Count those that came; the time until a connection broke is none."""
        seconds = sorted(answer.seconds for answer in answers if answer.status is not None) or [0.0]
        return cls(len(seconds), _at(seconds, 0.5), _at(seconds, 0.99), seconds[-1])

    def cells(self) -> tuple[str, ...]:
        """Write a table's cells, times in milliseconds."""
        return (f"{self.count:,}", *(f"{value * 1000:,.0f}" for value in (self.median, self.p99, self.longest)))


LATENCY_COLUMNS = ("answers", "median ms", "p99 ms", "longest ms")


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
