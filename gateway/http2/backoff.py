"""How long to leave a peer alone to which no connection can be made."""

import random
from collections.abc import Callable

from gateway.model.backoff import exponential
from gateway.model.clock import Clock, Timer

SHORT = 1.0
"""Seconds that requests wait for a peer that is there, and only sends its connections away."""
FIRST_BACKOFF, LONGEST_BACKOFF = 0.1, 30.0
"""Seconds between failed connection attempts: Apple takes rapid reconnecting for an attack."""


class Backoff:
    """Waits longer after each failure in a row, with jitter, so that not everybody comes back at once."""

    def __init__(self, clock: Clock, over: Callable[[], None]) -> None:
        """Begin without one; `over` is called whenever one has passed."""
        self._clock = clock
        self._over = over
        self._timer: Timer | None = None
        self._failures = 0
        self.reason = "connect_failed"
        """Why the last attempt failed."""
        self.is_worth_waiting = False
        """Whether a request had better wait until the backoff is over."""

    @property
    def is_on(self) -> bool:
        """Tell whether nothing is to be attempted now."""
        return self._timer is not None

    def failed(self, reason: str) -> None:
        """Hear that an attempt failed."""
        self.is_worth_waiting = False
        self._begin(reason)

    def _begin(self, reason: str) -> float:
        self._failures += 1
        self.reason = reason
        self.stop()
        longest = exponential(self._failures, FIRST_BACKOFF, LONGEST_BACKOFF)
        seconds: float = longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        self._timer = self._clock.call_later(seconds, self._end)
        return seconds

    def let_down(self, reason: str) -> None:
        """Hear of a connection that never answered anything: the second in a row is as bad as none."""
        if self._failures:
            self.is_worth_waiting = self._begin(reason) <= SHORT
        else:
            self._failures = 1

    def succeeded(self) -> None:
        """Hear of a connection that has served: the next failure is the first again."""
        self._failures = 0

    def stop(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._timer = None
        self._over()
