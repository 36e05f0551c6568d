"""The guard: when many tokens of an app are called dead at once, rather our configuration is to blame.

A key for the wrong environment or project makes every good token look dead, and a 406 is for ever: the server forgets
the token. So what is said of an app's newest tokens is watched, and a token that is called dead among many is answered
422 instead.
"""

import math
from collections.abc import Collection, Iterator
from typing import NamedTuple

from gateway.config import GuardSettings
from gateway.delivery.lane_watch import said
from gateway.delivery.newest_tokens import NewestTokens, Tally
from gateway.delivery.notices import Notices
from gateway.delivery.push import Push
from gateway.model.clock import Clock
from gateway.model.notice import Notice, NoticeKind
from gateway.model.outbox import Lane
from gateway.model.outcome import Later, Outcome, Rejected, TokenDead
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.observability.metrics import Metrics

LOOK_SECONDS = 1.0

_SUSPICIOUS = (
    Reason.APNS_BAD_DEVICE_TOKEN,
    Reason.APNS_DEVICE_TOKEN_NOT_FOR_TOPIC,
    Reason.APNS_TOPIC_DISALLOWED,
    Reason.APNS_BAD_TOPIC,
    Reason.APNS_MISSING_TOPIC,
    Reason.FCM_INVALID_TOKEN,
    Reason.FCM_SENDER_ID_MISMATCH,
)
"""What a wrong key, environment, project or topic of ours has a provider say of every token."""
UNREGISTERED = (Reason.APNS_UNREGISTERED, Reason.APNS_EXPIRED_TOKEN, Reason.FCM_UNREGISTERED)
"""What is said of tokens that have died, which many do without a fault of ours."""
BELIEVED_SECONDS = 3600.0
"""How long an operator who resets a trip for one of these is believed that the tokens really are dead."""


class _Threshold(NamedTuple):
    """How many different tokens must have heard a verdict, and which share of the newest they must be."""

    tokens: int
    share: float

    @property
    def newest(self) -> int:
        """Among how many of the newest tokens they must be."""
        return math.ceil(self.tokens / self.share)

    @property
    def quarter(self) -> "_Threshold":
        """Return a fourth of it; two tokens at least, for a single one tells nothing."""
        return _Threshold(max(2, math.ceil(self.tokens / 4)), self.share)


class Guard:
    """Watches what is said of the tokens of each app, and withholds 406 from them while the app is under suspicion."""

    def __init__(self, notices: Notices, settings: GuardSettings, metrics: Metrics, clock: Clock) -> None:
        self._notices = notices
        self._metrics = metrics
        self._clock = clock
        self._window = settings.minutes * 60
        self._hold = settings.hold
        suspicious = _Threshold(settings.tokens, settings.share)
        unregistered = _Threshold(settings.unregistered_tokens, settings.unregistered_share)
        self._thresholds = {**dict.fromkeys(_SUSPICIOUS, suspicious), **dict.fromkeys(UNREGISTERED, unregistered)}
        self._capacity = max(suspicious.newest, suspicious.quarter.newest, unregistered.newest)
        self._lanes: dict[Lane, NewestTokens] = {}
        self._tripped: dict[tuple[str, Reason], Lane] = {}

    def weighed(self, outcome: Outcome, verdict: Verdict, apps: Collection[str], push: Push) -> Outcome:
        """Return the outcome, or what takes its place while the verdict is rather a fault of ours.

        Args:
            outcome: what becomes of the push if it is not.
            verdict: the one that stands.
            apps: those of whose credentials it was said.
            push: the push.
        """
        lanes = [Lane(app, push.notification.platform.provider) for app in apps]
        if verdict.kind is VerdictKind.ACCEPTED:
            for lane in lanes:
                self._heard_of_success(lane, push.device)
        if verdict.reason not in self._thresholds or _is_expected(verdict, push):
            return outcome
        doubts = [self._doubt(lane, verdict, push.device) for lane in lanes]
        is_end = isinstance(outcome, TokenDead)
        if Reason.GUARD_TRIPPED in doubts:
            doubt = Reason.GUARD_TRIPPED
        elif is_end and Reason.GUARD_SUSPECTS in doubts:
            doubt = Reason.GUARD_SUSPECTS
        else:
            return outcome
        if is_end:
            self._metrics.guard_withheld(lanes[doubts.index(doubt)].app, verdict.reason)
        return self._in_place(doubt, verdict, push)

    def is_tripped(self, apps: Collection[str]) -> bool:
        """Tell whether no token of one of these apps may be called dead now."""
        return any(self._trip(app, reason) for app in apps for reason in self._thresholds)

    def trips(self) -> Iterator[tuple[str, str]]:
        """Return the apps of which tokens seem to die in numbers, each with the reason code; asks nobody."""
        for notice in self._notices.all():
            if notice.kind is NoticeKind.GUARD_TRIPPED:
                yield notice.subject, notice.about

    def renewed(self, lanes: Collection[Lane]) -> None:
        """Hear that apps have other credentials than before: what was said to the old ones is void."""
        for lane in lanes:
            self._lanes.pop(lane, None)
            for reason in self._thresholds:
                if lane.provider == _provider_of(reason):
                    self._notices.withdraw(NoticeKind.GUARD_TRIPPED, lane.app, reason.value)
                    self._notices.withdraw(NoticeKind.GUARD_RESET, lane.app, reason.value)

    async def look(self) -> None:
        """Follow what others have posted, and begin anew where a trip is over."""
        posted = [(app, Reason(about)) for app, about in self.trips() if about in self._thresholds]
        for app, reason in {*posted, *self._tripped}:
            self._follow(app, reason)

    def _heard_of_success(self, lane: Lane, device: str) -> None:
        self._tokens(lane).hear(device, Reason.DELIVERED, self._clock.now())
        for (app, reason), tripped in list(self._tripped.items()):
            trip = self._follow(app, reason) if tripped == lane else None
            if trip is not None and self._is_over(lane, reason, trip.at):
                self._notices.withdraw(NoticeKind.GUARD_TRIPPED, app, reason.value)
                self._follow(app, reason)

    def _doubt(self, lane: Lane, verdict: Verdict, device: str) -> Reason | None:
        """Learn that a token was refused; return why that does not count as its death, if it does not."""
        reason, now = verdict.reason, self._clock.now()
        trip = self._follow(lane.app, reason)
        tokens, threshold = self._tokens(lane), self._thresholds[reason]
        tokens.hear(device, reason, now)
        must_trip = trip is None and _reached(threshold, tokens, reason, since=now - self._window)
        if must_trip and not self._notices.standing(NoticeKind.GUARD_RESET, lane.app, reason.value):
            self._post(lane, verdict, tokens.tally(reason, threshold.newest))
            trip = self._follow(lane.app, reason)
        if trip is not None:
            return Reason.GUARD_TRIPPED
        is_suspect = reason in _SUSPICIOUS and _reached(threshold.quarter, tokens, reason)
        return Reason.GUARD_SUSPECTS if is_suspect else None

    def _post(self, lane: Lane, verdict: Verdict, tally: Tally) -> None:
        words = f"{said(verdict)} for {tally.refused} tokens, while {tally.taken} were taken"
        kind, now = NoticeKind.GUARD_TRIPPED, self._clock.now()
        self._notices.post(Notice(kind=kind, subject=lane.app, about=verdict.reason.value, words=words, at=now))

    def _tokens(self, lane: Lane) -> NewestTokens:
        found = self._lanes.get(lane)
        return found if found is not None else self._lanes.setdefault(lane, NewestTokens(self._capacity))

    def _trip(self, app: str, reason: Reason) -> Notice | None:
        return self._notices.standing(NoticeKind.GUARD_TRIPPED, app, reason.value)

    def _follow(self, app: str, reason: Reason) -> Notice | None:
        """Return the trip that stands; where one does no longer, whoever ended it, what was heard before is void."""
        trip = self._trip(app, reason)
        lane = Lane(app, _provider_of(reason))
        if trip is not None:
            self._tripped[app, reason] = lane
        elif self._tripped.pop((app, reason), None) is not None:
            self._tokens(lane).forget(reason)
        return trip

    def _is_over(self, lane: Lane, reason: Reason, tripped_at: float) -> bool:
        """Tell whether sends succeed again: not one by luck, and few are still refused."""
        threshold = self._thresholds[reason]
        refused, taken = self._tokens(lane).tally(reason, threshold.newest, since=tripped_at)
        return taken >= threshold.quarter.tokens and refused <= (refused + taken) * threshold.share / 2

    def _in_place(self, doubt: Reason, verdict: Verdict, push: Push) -> Outcome:
        """A push is kept if it may be; not a ring, which cannot wait for an operator."""
        kept = self._hold and not push.is_ring
        return Later(doubt, verdict.reason.value) if kept else Rejected(doubt, verdict.reason.value)


def _is_expected(verdict: Verdict, push: Push) -> bool:
    """Tell whether it is another's token as a matter of course: one of the official app's."""
    return verdict.kind is VerdictKind.FOREIGN and push.member.workspace.forward


def _reached(threshold: _Threshold, tokens: NewestTokens, reason: Reason, since: float = -math.inf) -> bool:
    return tokens.tally(reason, threshold.newest, since).refused >= threshold.tokens


def _provider_of(reason: Reason) -> str:
    return reason.value.partition("_")[0]
