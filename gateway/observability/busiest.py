"""Which workspaces a metric calls by their names: a label must have a bounded set of values."""

from collections import Counter
from collections.abc import Callable

NAMED = 50
"""How many have names of their own."""
OTHER = "other"
SHARE = 50
"""Where there are more than that, a workspace gets a name with the fiftieth part of all requests,"""
FEWEST = 20
"""and so many of its own."""


class BusiestNames:
    """Gives names to the busiest, for good: a count must neither go down nor move.

    What came before a workspace had its name stays with the others.
    """

    def __init__(self, registered: Callable[[], int]) -> None:
        """Begin; `registered` says how many workspaces there are."""
        self._registered = registered
        self._named: set[str] = set()
        self._requests: Counter[str] = Counter()
        self._all = 0

    def label(self, workspace: str) -> str:
        """Return what a request of a workspace is counted under."""
        self._all += 1
        self._requests[workspace] += 1
        if workspace not in self._named and len(self._named) < NAMED and self._is_busy(workspace):
            self._named.add(workspace)
        return workspace if workspace in self._named else OTHER

    def _is_busy(self, workspace: str) -> bool:
        own = self._requests[workspace]
        return self._registered() <= NAMED or (own >= FEWEST and own * SHARE >= self._all)
