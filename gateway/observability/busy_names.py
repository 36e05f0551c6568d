"""Which workspaces have a label of their own in the metrics: there may be thousands, and a label costs for ever."""

from collections import Counter

OTHER = "other"
MOST = 50
NAMED_AFTER = 20
"""How many requests a workspace must have sent since the start; its first ones stay with the others."""
COUNTED = 10_000
"""Of how many that have no name yet it is known how busy they are."""


class BusyNames:
    """Gives names to those that turn out busy, while there is room; who has one keeps it, so no count goes down."""

    def __init__(self) -> None:
        self._named: set[str] = set()
        self._counts: Counter[str] = Counter()

    def label_of(self, name: str) -> str:
        """Return the label under which one more request of a workspace counts."""
        if name in self._named:
            return name
        if len(self._named) >= MOST:
            return OTHER
        self._counts[name] += 1
        if self._counts[name] > NAMED_AFTER:
            del self._counts[name]
            self._named.add(name)
            return name
        if len(self._counts) > COUNTED:
            self._counts.clear()
        return OTHER
