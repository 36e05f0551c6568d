"""Counts stored pushes that ended undelivered, and tells of them once an hour and app.

Every process counts its own. When an hour is over each posts its share, and a little later whoever is first posts the
sum, which is the same in all of them. A process that ends leaves its share behind.
"""

from collections import Counter
from datetime import UTC, datetime

import msgspec

from gateway.delivery.notices import Notices
from gateway.model.clock import Clock
from gateway.model.notice import Notice, NoticeKind
from gateway.model.outcome import Cleared, Expired, Outcome, Rejected

LOOK_SECONDS = 5.0
GRACE_SECONDS = 15.0
"""How long after the hour its shares are added up: those of all processes are there by then."""
HOUR = 3600.0
STANDS_SECONDS = 86_400.0
"""How long it is shown."""

_Counts = dict[str, int]


class DeadLetters:
    """What this process has counted of the present hour, by app."""

    def __init__(self, notices: Notices, process: str, clock: Clock) -> None:
        """Begin; `process` tells this one from all others on the store."""
        self._notices = notices
        self._process = process
        self._clock = clock
        self._counts: dict[tuple[float, str], Counter[str]] = {}

    def ended(self, app: str, outcome: Outcome) -> None:
        """Hear what became of a stored push."""
        if isinstance(outcome, Expired | Cleared | Rejected):
            self._counts.setdefault((self._hour(), app), Counter())[outcome.label] += 1

    async def look(self) -> None:
        """Post what an hour that is over has come to."""
        hour = self._hour()
        self._share(before=hour)
        if self._clock.now() - hour >= GRACE_SECONDS:
            self._add_up(hour - HOUR)

    def leave(self) -> None:
        """Leave what was counted to the others; this process ends."""
        self._share(before=float("inf"))

    def _hour(self) -> float:
        return self._clock.now() // HOUR * HOUR

    def _share(self, before: float) -> None:
        for hour, app in [key for key in self._counts if key[0] < before]:
            share = Notice(
                kind=NoticeKind.DEAD_LETTERS_SHARE,
                subject=app,
                about=f"{_name(hour)} {self._process}",
                words=msgspec.json.encode(self._counts.pop((hour, app))).decode(),
                at=self._clock.now(),
                until=hour + 2 * HOUR,
            )
            self._notices.post(share)

    def _add_up(self, hour: float) -> None:
        sums: dict[str, Counter[str]] = {}
        for notice in self._notices.all():
            if notice.kind is NoticeKind.DEAD_LETTERS_SHARE and notice.about.startswith(_name(hour)):
                sums.setdefault(notice.subject, Counter()).update(msgspec.json.decode(notice.words, type=_Counts))
        for app, counts in sums.items():
            self._notices.post(self._sum(hour, app, counts))

    def _sum(self, hour: float, app: str, counts: Counter[str]) -> Notice:
        told = ", ".join(f"{count} {label}" for label, count in sorted(counts.items()))
        return Notice(
            kind=NoticeKind.DEAD_LETTERS,
            subject=app,
            about=_name(hour),
            words=f"{counts.total()} in all: {told}",
            at=self._clock.now(),
            until=hour + STANDS_SECONDS,
        )


def _name(hour: float) -> str:
    return datetime.fromtimestamp(hour, UTC).strftime("%Y-%m-%dT%H:%MZ")
