"""Whether the peer is still there: quiet connections are asked before a request finds out the hard way."""

from collections.abc import Callable
from typing import Protocol

from gateway.http2.values import Limits
from gateway.model.clock import Clock, Timer

REST = 0.1
"""Seconds in which a connection gets nothing new after the peer refused a stream there, or held back a body."""
PING_PAUSE = 10.0
"""Seconds between two PINGs at the least: servers take many for an attack."""


class Patient(Protocol):
    """The connection whose health it is."""

    @property
    def is_busy(self) -> bool:
        """Tell whether requests are under way there."""
        ...

    def ping(self) -> None:
        """Ask the peer for a sign of life."""
        ...

    def give_up(self) -> None:
        """Nothing came back."""
        ...

    def recovered(self) -> None:
        """It may be used again."""
        ...


class Health:
    """Watches one connection: PING after a time of silence, the end when nothing comes back."""

    def __init__(self, clock: Clock, limits: Limits, patient: Patient) -> None:
        self._clock = clock
        self._limits = limits
        self._patient = patient
        self._timer: Timer | None = None
        self._rest: Timer | None = None
        self._watch_at = 0.0
        self._asked_at: float | None = clock.monotonic()
        self._doubted_at = float("-inf")
        self._busy_since = 0.0
        self.is_in_doubt = False
        self.heard_at = clock.monotonic()
        self.rtt: float | None = None

    @property
    def is_fit(self) -> bool:
        """Tell whether requests may rely on the connection."""
        return not self.is_in_doubt and not self.is_resting

    @property
    def is_resting(self) -> bool:
        """Tell whether it takes nothing new for the moment."""
        return self._rest is not None

    def start(self) -> None:
        """Begin to watch; the first thing asked is our SETTINGS."""
        self._asked_at = self._clock.monotonic()
        self._watch_in(self._limits.idle_ping_after)

    def busy(self, now: float) -> None:
        """Hear that a request goes out where none was under way: silence tells something from now on."""
        self._busy_since = now
        if not self.is_in_doubt and self._watch_at > now + self._limits.busy_ping_after:
            self._watch_in(self._limits.busy_ping_after)

    def stop(self) -> None:
        """Watch no more."""
        self.rested()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def rest(self) -> None:
        """Take nothing new for a moment."""
        if self._rest is None:
            self._rest = self._clock.call_later(REST, self._wake)

    def rested(self) -> None:
        """End the rest now."""
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _wake(self) -> None:
        self._rest = None
        self._patient.recovered()

    def heard(self) -> None:
        """Note that something came from the peer."""
        self.heard_at = self._clock.monotonic()

    def answered(self) -> None:
        """Note that the peer answered what we asked: it lives."""
        if self._asked_at is not None:
            self.rtt = self._clock.monotonic() - self._asked_at
            self._asked_at = None
        if self.is_in_doubt:
            self.is_in_doubt = False
            self._watch()
            self._patient.recovered()

    def doubt(self) -> None:
        """Ask the peer whether it lives; until it answers no request is to rely on it."""
        now = self._clock.monotonic()
        if self.is_in_doubt or now < self._doubted_at + PING_PAUSE:
            return
        self.is_in_doubt = True
        self._asked_at = self._doubted_at = now
        self._patient.ping()
        self._set_timer(self._limits.ping_timeout, self._judge)

    def _judge(self) -> None:
        """Give up a peer that is silent; one that answers requests, if not the PING, may finish them."""
        left = self.heard_at + self._limits.ping_timeout - self._clock.monotonic()
        if left > 0 and self._patient.is_busy:
            self._set_timer(left, self._judge)
        else:
            self._patient.give_up()

    def _watch_in(self, seconds: float) -> None:
        self._set_timer(seconds, self._watch)

    def _set_timer(self, seconds: float, callback: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._watch_at = self._clock.monotonic() + seconds
        self._timer = self._clock.call_later(seconds, callback)

    def _watch(self) -> None:
        """Ask when it has been quiet for long enough, else come back then."""
        if self._patient.is_busy:
            quiet_at = max(self.heard_at, self._busy_since) + self._limits.busy_ping_after
        else:
            quiet_at = self.heard_at + self._limits.idle_ping_after
        left = max(quiet_at, self._doubted_at + PING_PAUSE) - self._clock.monotonic()
        if left > 0:
            self._watch_in(left)
        else:
            self.doubt()
