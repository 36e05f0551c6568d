"""Whether the peer is still there: quiet connections are asked before a request finds out the hard way."""

from collections.abc import Callable

from gateway.http2.values import Limits
from gateway.model.clock import Clock, Timer


class Health:
    """Watches one connection: PING after a time of silence, the end when nothing comes back."""

    def __init__(self, clock: Clock, limits: Limits, ping: Callable[[], None], give_up: Callable[[], None]) -> None:
        self._clock = clock
        self._limits = limits
        self._ping = ping
        self._give_up = give_up
        self._timer: Timer | None = None
        self._asked_at: float | None = clock.monotonic()
        self.is_in_doubt = False
        self.heard_at = clock.monotonic()
        self.rtt: float | None = None

    def start(self) -> None:
        """Begin to watch; the first thing asked is our SETTINGS."""
        self._asked_at = self._clock.monotonic()
        self._watch_in(self._limits.idle_ping_after)

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

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
            self._watch_in(self._limits.idle_ping_after)

    def doubt(self) -> None:
        """Ask the peer whether it lives; until it answers no request is to rely on it."""
        if self.is_in_doubt:
            return
        self.is_in_doubt = True
        self._asked_at = self._clock.monotonic()
        self._ping()
        self.stop()
        self._timer = self._clock.call_later(self._limits.ping_timeout, self._give_up)

    def _watch_in(self, seconds: float) -> None:
        self.stop()
        self._timer = self._clock.call_later(seconds, self._watch)

    def _watch(self) -> None:
        left = self.heard_at + self._limits.idle_ping_after - self._clock.monotonic()
        if left > 0:
            self._watch_in(left)
        else:
            self.doubt()
