"""Which workspaces have a label of their own in the metrics: there may be thousands, and a label costs for ever."""

from collections import Counter
from collections.abc import Callable

OTHER = "other"
MOST = 50
NAMED_AFTER = 20
"""Where there are more than `MOST`, a workspace has its name after so many requests since the start,"""
SHARE = 50
"""and with a fiftieth of all of them; those before stay with the others."""


class BusyNames:
    """Gives names to all where they are few, else to the busy; who has one keeps it, so no count goes down or moves."""

    def __init__(self, registered: Callable[[], int]) -> None:
        """Begin; `registered` tells how many workspaces there are."""
        self._registered = registered
        self._named: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._all = 0

    def label_of(self, name: str) -> str:
        """Return the label under which one more request of a registered workspace counts."""
        self._all += 1
        if name in self._named:
            return name
        if len(self._named) >= MOST or not self._is_busy(name):
            return OTHER
        self._counts.pop(name, None)
        self._named.add(name)
        return name

    def _is_busy(self, name: str) -> bool:
        if self._registered() <= MOST:
            return True
        self._counts[name] += 1
        return self._counts[name] > NAMED_AFTER and self._counts[name] * SHARE >= self._all
