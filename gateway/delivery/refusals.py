"""Of many refusals alike one is told: who sends too fast must not fill the log too.

All of them are counted; and a server that is asked to come again does, so of its push more is told then.
"""

from gateway.model.clock import Clock
from gateway.model.outcome import Outcome
from gateway.model.reason import Reason

PAUSE_SECONDS = 1.0
MANY = frozenset({Reason.WORKSPACE_RATE, Reason.WORKSPACE_BUSY, Reason.APP_RATE, Reason.FAILED_TOO_OFTEN})
"""Refusals of which there may be any number."""

_Key = tuple[str | None, Reason]


class Refusals:
    """Says which are told: of each workspace and reason one a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_at: dict[_Key, float] = {}
        self._untold: dict[_Key, int] = {}

    def untold(self, workspace: str | None, outcome: Outcome) -> int | None:
        """Return how many were not told before this one, which is; None: nor is this one."""
        if outcome.reason not in MANY:
            return 0
        key, now = (workspace, outcome.reason), self._clock.monotonic()
        if now - self._told_at.get(key, float("-inf")) < PAUSE_SECONDS:
            self._untold[key] = self._untold.get(key, 0) + 1
            return None
        self._told_at[key] = now
        return self._untold.pop(key, 0)
