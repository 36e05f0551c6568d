"""Slows down who floods: a server waits for one answer before it sends the next push.

A refusal is work, too. Whoever is refused again and again gets the refusal a second later, and so sends a fraction of
it; the others, who share the gateway with it, feel nothing of the rest.
"""

from collections import Counter

from gateway.delivery.refusals import MANY
from gateway.model.clock import Clock
from gateway.model.outcome import Outcome

FREE_A_SECOND = 100
"""So many refusals of a workspace are told at once, each second."""
PAUSE_SECONDS = 1.0
MOST_HELD = 200
"""Of a workspace at a time; more are told at once, for they would only fill the memory."""


class Brake:
    """Holds back refusals of workspaces that flood."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = 0
        self._refused: Counter[str] = Counter()
        self._held: Counter[str] = Counter()

    async def hold(self, workspace: str, outcome: Outcome) -> None:
        """Wait before a refusal of a workspace (its id) is told, if it has had far too many of them just now."""
        if outcome.reason not in MANY or not self._floods(workspace) or self._held[workspace] >= MOST_HELD:
            return
        self._held[workspace] += 1
        try:
            await self._clock.sleep(PAUSE_SECONDS)
        finally:
            self._held[workspace] -= 1
            if not self._held[workspace]:
                del self._held[workspace]

    def _floods(self, workspace: str) -> bool:
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second, self._refused = second, Counter()
        self._refused[workspace] += 1
        return self._refused[workspace] > FREE_A_SECOND
