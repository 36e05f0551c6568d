"""Guards other people's device tokens against a fault of ours.

A wrong key, topic or environment makes Apple and Google call good tokens dead, all of them. Where many different tokens
of an app get such a verdict within minutes and few succeed, the guard trips: none of them ends by it any more, in any
process, until sends succeed again, the app gets other credentials, or an operator says so. Before that is plain, a few
tokens may end while nothing is delivered, and one more for every other device that takes a push.
"""

from collections.abc import Callable, Collection, Iterable, Iterator

import msgspec

from gateway.config import GuardSettings
from gateway.delivery.follower import Follower
from gateway.delivery.judgement import judge
from gateway.delivery.lane_watch import said
from gateway.delivery.notices import Notices
from gateway.delivery.push import Push
from gateway.delivery.snapshot import Route
from gateway.delivery.suspicion import Bounds, Recovery, Suspicion, bounds_of
from gateway.model.clock import Clock
from gateway.model.notice import Notice, NoticeKind
from gateway.model.outbox import Lane
from gateway.model.outcome import Later, Outcome, Rejected, TokenDead
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.observability.metrics import Metrics

LOOK_SECONDS = 1.0
"""The pause between two looks at which trips stand: others post and withdraw them too."""


class Trip(msgspec.Struct, frozen=True):
    """What has tripped: one verdict on the tokens of one app."""

    app: str
    reason: Reason

    @property
    def lane(self) -> Lane:
        """The app at the provider whose verdict it is."""
        return Lane(self.app, self.reason.value.partition("_")[0])


class Guard:
    """Watches what each provider says of each app's tokens, and stops what must not be told."""

    def __init__(
        self, follower: Follower, notices: Notices, settings: GuardSettings, metrics: Metrics, clock: Clock
    ) -> None:
        self._follower = follower
        self._notices = notices
        self._holds = settings.hold
        self._metrics = metrics
        self._clock = clock
        self._bounds = bounds_of(settings)
        self._bounds_of = {reason: bounds for bounds in self._bounds for reason in bounds.reasons}
        self._suspicions: dict[tuple[Lane, Bounds], Suspicion] = {}
        self._recoveries: dict[Trip, Recovery] = {}
        self._listeners: list[Callable[[frozenset[Lane]], None]] = []

    def judged(self, verdict: Verdict, proven: bool, push: Push, routes: Collection[Route]) -> Outcome:
        """Turn a provider's verdict into what becomes of the push, see `judge`, and learn from it.

        Args:
            verdict: what the provider said last.
            proven: whether the credentials it said it to have delivered since they were last changed.
            push: the push.
            routes: the ways by which it said so.
        """
        outcome = judge(verdict, proven)
        lanes = {Lane(route.app, push.notification.platform.provider) for route in routes}
        if verdict.kind is VerdictKind.ACCEPTED:
            for lane in lanes:
                self._delivered(lane, push.device)
            return outcome
        if verdict.reason not in self._bounds_of or _may_be_official(verdict, push):
            return outcome
        if not all(self._is_current(route) for route in routes):
            return self._unconfirmed(outcome, verdict, lanes)
        if all(self._is_believed(lane.app, verdict.reason) for lane in lanes):
            return outcome
        is_tripped = [self._refused(lane, verdict, push.device) for lane in lanes]
        if any(is_tripped):
            return self._stopped(outcome, verdict, push, lanes)
        if isinstance(outcome, TokenDead) and not self._may_end(lanes, self._bounds_of[verdict.reason]):
            return self._unconfirmed(outcome, verdict, lanes)
        return outcome

    def forbids(self, dead: TokenDead, routes: Iterable[Route]) -> bool:
        """Tell whether a death that was found earlier must not be told now to an app's server."""
        tripped = [route.app for route in routes if self._stands(Trip(route.app, dead.reason))]
        for app in tripped[:1]:
            self._metrics.withheld(app, dead.reason)
        return bool(tripped)

    def trips(self) -> Iterator[Trip]:
        """List what stands."""
        for notice in self._notices.all():
            if notice.kind is NoticeKind.GUARD_TRIPPED and notice.about in self._bounds_of:
                yield Trip(notice.subject, Reason(notice.about))

    def tell(self, listener: Callable[[frozenset[Lane]], None]) -> None:
        """Have `listener` called with the lanes of which a trip is over."""
        self._listeners.append(listener)

    def renewed(self, lanes: frozenset[Lane]) -> None:
        """Hear that lanes have other credentials than before: what was heard of the old ones is void."""
        for trip in self.trips():
            if trip.lane in lanes:
                self._withdraw(trip)
        for notice in self._notices.all():
            if notice.kind is NoticeKind.GUARD_RESET and Trip(notice.subject, Reason(notice.about)).lane in lanes:
                self._notices.withdraw(notice.kind, notice.subject, notice.about)
        for lane, bounds in list(self._suspicions):
            if lane in lanes:
                del self._suspicions[lane, bounds]

    async def look(self) -> None:
        """Follow what others have posted and withdrawn; forget what is of an app that is not there any more."""
        snapshot = self._follower.snapshot
        standing = set(self.trips())
        for trip in standing | self._recoveries.keys():
            self._follow(trip, trip in standing)
            if snapshot is not None and trip.app not in snapshot.app_names:
                self._withdraw(trip)

    def _delivered(self, lane: Lane, device: str) -> None:
        now = self._clock.monotonic()
        for bounds in self._bounds:
            self._suspicion(lane, bounds).delivered(device, now)
        for trip, recovery in list(self._recoveries.items()):
            if trip.lane == lane:
                recovery.hear(device, Reason.DELIVERED, now)
                if recovery.is_complete:
                    self._withdraw(trip)

    def _refused(self, lane: Lane, verdict: Verdict, device: str) -> bool:
        """Count a token that was refused; tell whether the guard has tripped."""
        now, trip, bounds = self._clock.monotonic(), Trip(lane.app, verdict.reason), self._bounds_of[verdict.reason]
        if self._stands(trip):
            self._recoveries[trip].hear(device, verdict.reason, now)
            return True
        suspicion = self._suspicion(lane, bounds)
        if not suspicion.refused(device, verdict.reason, now):
            return False
        refused, heard = suspicion.sample.count(verdict.reason), len(suspicion.sample)
        self._trip(trip, f"{said(verdict)} of {refused} of the last {heard} different tokens")
        return True

    def _trip(self, trip: Trip, words: str) -> None:
        notice = Notice(
            kind=NoticeKind.GUARD_TRIPPED, subject=trip.app, about=trip.reason.value, words=words, at=self._clock.now()
        )
        self._notices.post(notice)
        self._follow(trip, stands=True)

    def _withdraw(self, trip: Trip) -> None:
        self._notices.withdraw(NoticeKind.GUARD_TRIPPED, trip.app, trip.reason.value)
        self._follow(trip, stands=False)

    def _stands(self, trip: Trip) -> bool:
        stands = self._notices.standing(NoticeKind.GUARD_TRIPPED, trip.app, trip.reason.value) is not None
        self._follow(trip, stands)
        return stands

    def _follow(self, trip: Trip, stands: bool) -> None:
        """Begin to look for a recovery, or begin anew; what led to the trip must not lead to another."""
        if stands is (trip in self._recoveries):
            return
        bounds = self._bounds_of[trip.reason]
        self._suspicions.pop((trip.lane, bounds), None)
        if stands:
            self._recoveries[trip] = Recovery(bounds)
            return
        del self._recoveries[trip]
        for listener in self._listeners:
            listener(frozenset({trip.lane}))

    def _suspicion(self, lane: Lane, bounds: Bounds) -> Suspicion:
        if (suspicion := self._suspicions.get((lane, bounds))) is None:
            suspicion = self._suspicions[lane, bounds] = Suspicion(bounds)
        return suspicion

    def _may_end(self, lanes: Iterable[Lane], bounds: Bounds) -> bool:
        """Tell whether every app that was asked has something to vouch for the end of a token, and use it up."""
        suspicions = [self._suspicion(lane, bounds) for lane in lanes]
        may_end = all(suspicion.reserve for suspicion in suspicions)
        for suspicion in suspicions if may_end else ():
            suspicion.reserve -= 1
        return may_end

    def _is_believed(self, app: str, reason: Reason) -> bool:
        """Tell whether an operator has said that tokens of an app which are refused so really are dead."""
        return self._notices.standing(NoticeKind.GUARD_RESET, app, reason.value) is not None

    def _is_current(self, route: Route) -> bool:
        """Tell whether a verdict is on credentials that are in use, not on ones replaced while it was under way."""
        snapshot = self._follower.snapshot
        return snapshot is None or route.credentials.fingerprint in snapshot.in_use

    def _stopped(self, outcome: Outcome, verdict: Verdict, push: Push, lanes: Iterable[Lane]) -> Outcome:
        self._count_withheld(outcome, verdict, lanes)
        if self._holds and not push.is_ring:
            return Later(Reason.GUARD_TRIPPED, verdict.reason.value)
        return Rejected(Reason.GUARD_TRIPPED, verdict.reason.value)

    def _unconfirmed(self, outcome: Outcome, verdict: Verdict, lanes: Iterable[Lane]) -> Outcome:
        self._count_withheld(outcome, verdict, lanes)
        is_end = isinstance(outcome, TokenDead)
        return Rejected(Reason.GUARD_UNCONFIRMED, verdict.reason.value) if is_end else outcome

    def _count_withheld(self, outcome: Outcome, verdict: Verdict, lanes: Iterable[Lane]) -> None:
        for lane in lanes if isinstance(outcome, TokenDead) else ():
            self._metrics.withheld(lane.app, verdict.reason)


def _may_be_official(verdict: Verdict, push: Push) -> bool:
    """Tell whether a token may be the official app's: those are foreign to every app of a workspace that forwards."""
    return verdict.kind is VerdictKind.FOREIGN and push.member.workspace.forward
