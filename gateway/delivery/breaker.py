"""Leaves a provider alone that takes nothing: pushes of its lane are stored at once and nobody waits for it."""

from typing import Protocol

from gateway.model.backoff import backoff
from gateway.model.clock import Clock
from gateway.model.outbox import Lane
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind

TRIPS_AT = 5
"""Failures in a row after which a lane rests."""
TRIP_SECONDS = 1.0
"""The time that lies between them at least: one connection that breaks takes many pushes with it."""
SLOW_TRIPS_AT = 20
"""How many attempts may go without an answer in time, and none answered in between, before a lane rests."""
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 15.0
"""How long it rests: short, for one push is enough to find out."""
PROBE_SECONDS = 5.0
"""After which another push may try, should the first have told nothing yet."""

_OF_ONE_DEVICE = frozenset({Reason.APNS_TOO_MANY_REQUESTS})
"""Troubles that say nothing of the next push."""
_TROUBLES = frozenset({VerdictKind.LATER, VerdictKind.CREDENTIALS_REFUSED})


class _Breaker:
    """One lane: flowing, resting, or tried by a single push."""

    __slots__ = ("failing_since", "failures", "probe_until", "rest_until", "slow", "times_rested")

    def __init__(self) -> None:
        self.failing_since = 0.0
        self.failures = 0
        self.slow = 0
        self.times_rested = 0
        self.rest_until: float | None = None
        self.probe_until = float("-inf")

    def rests(self, now: float) -> bool:
        """Tell whether nothing may be attempted, or one push is finding out."""
        return self.rest_until is not None and now < max(self.rest_until, self.probe_until)


class Watch(Protocol):
    """Hears of lanes in trouble."""

    def rests(self, lane: Lane, verdict: Verdict | None) -> None:
        """Hear that a lane rests from now on, or once more, and by which verdict (None: it is too slow)."""
        ...

    def flows(self, lane: Lane) -> None:
        """Hear that a lane which rested takes pushes again."""
        ...


class Breakers:
    """One breaker for each lane, opened by failures in a row and closed by a single success."""

    def __init__(self, clock: Clock, watch: Watch | None = None) -> None:
        self._clock = clock
        self._watch = watch
        self._lanes: dict[Lane, _Breaker] = {}

    def allows(self, lane: Lane) -> bool:
        """Tell whether a push may be attempted now; when a lane has rested, one is let through to find out."""
        breaker = self._lanes.get(lane)
        if breaker is None or breaker.rest_until is None:
            return True
        now = self._clock.monotonic()
        if breaker.rests(now):
            return False
        breaker.probe_until = now + PROBE_SECONDS
        return True

    def resting(self) -> frozenset[Lane]:
        """Return the lanes of which nothing may be attempted now."""
        now = self._clock.monotonic()
        return frozenset(lane for lane, breaker in self._lanes.items() if breaker.rests(now))

    def open(self) -> frozenset[Lane]:
        """Return the lanes that are in trouble, those too that may be tried now."""
        return frozenset(lane for lane, breaker in self._lanes.items() if breaker.rest_until is not None)

    def heard(self, lane: Lane, verdict: Verdict) -> None:
        """Learn from a verdict; one that the provider did not give, or that is about one device, teaches nothing."""
        is_trouble = verdict.kind in _TROUBLES
        if verdict.reason in _OF_ONE_DEVICE or (verdict.status is None and not is_trouble):
            return
        if not is_trouble:
            self._flow(lane)
            return
        now = self._clock.monotonic()
        breaker = self._lanes.setdefault(lane, _Breaker())
        if not breaker.failures:
            breaker.failing_since = now
        breaker.failures += 1
        if breaker.rest_until is None and verdict.kind is VerdictKind.CREDENTIALS_REFUSED:
            must_rest = True  # it is the app's own trouble, and the next push would hear the same
        elif breaker.rest_until is None:
            must_rest = breaker.failures >= TRIPS_AT and now - breaker.failing_since >= TRIP_SECONDS
        else:
            must_rest = now >= breaker.rest_until  # before, it is of an attempt from before the rest
        if must_rest:
            self._rest(lane, breaker, verdict)

    def renewed(self, lane: Lane) -> None:
        """Hear that a lane has other credentials than before: what was heard of the old ones is void."""
        self._flow(lane)

    def slow(self, lane: Lane) -> None:
        """Learn that an attempt is without an answer after the time that a server waits."""
        breaker = self._lanes.setdefault(lane, _Breaker())
        breaker.slow += 1
        if breaker.slow >= SLOW_TRIPS_AT and breaker.rest_until is None:
            self._rest(lane, breaker, None)

    def _flow(self, lane: Lane) -> None:
        breaker = self._lanes.pop(lane, None)
        if breaker is not None and breaker.rest_until is not None and self._watch is not None:
            self._watch.flows(lane)

    def _rest(self, lane: Lane, breaker: _Breaker, verdict: Verdict | None) -> None:
        breaker.times_rested += 1
        pause = backoff(breaker.times_rested, FIRST_SECONDS, LONGEST_SECONDS)
        breaker.probe_until = float("-inf")
        asked = verdict.retry_after if verdict is not None else None
        breaker.rest_until = self._clock.monotonic() + max(pause, min(asked or 0.0, LONGEST_SECONDS))
        if self._watch is not None:
            self._watch.rests(lane, verdict)
