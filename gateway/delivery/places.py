"""How many pushes of one app may wait for their provider at a time, and how many of them one workspace's.

A lane has so many places in one process. Up to half of them anybody takes; of the other half only those who hold less
than half of all. So a workspace that floods an app leaves room for the app's other workspaces, and where there are no
others, half of the places are still plenty.
"""

from collections import Counter

from gateway.model.outbox import Lane


class Places:
    """The places of all lanes, taken and given back."""

    def __init__(self, limit: int) -> None:
        """Take how many each lane has that has no number of its own; 0 is no limit."""
        self._limit = limit
        self._taken: Counter[Lane] = Counter()
        self._by_workspace: Counter[tuple[Lane, str]] = Counter()

    @property
    def taken(self) -> dict[Lane, int]:
        """How many places are taken of the lanes in use."""
        return dict(self._taken)

    def is_free(self, lane: Lane, workspace: str, own_limit: int | None) -> bool:
        """Tell whether a push of a workspace finds a place; `own_limit` is the app's own number, if it has one."""
        limit = self._limit if own_limit is None else own_limit
        taken = self._taken.get(lane, 0)
        if not limit or 2 * taken < limit:
            return True
        return taken < limit and 2 * self._by_workspace.get((lane, workspace), 0) < limit

    def take(self, lane: Lane, workspace: str) -> None:
        """Take a place, be it one too many."""
        self._taken[lane] += 1
        self._by_workspace[lane, workspace] += 1

    def give_back(self, lane: Lane, workspace: str) -> None:
        """Give a place back."""
        self._taken[lane] -= 1
        self._by_workspace[lane, workspace] -= 1
        if not self._taken[lane]:
            del self._taken[lane]
        if not self._by_workspace[lane, workspace]:
            del self._by_workspace[lane, workspace]
