"""How full the outbox is, and whether a workspace may still put something in."""

from collections import Counter

import msgspec

from gateway.model.outbox import OutboxCount
from gateway.model.outcome import Later
from gateway.model.reason import Reason


class OutboxLimits(msgspec.Struct, frozen=True):
    """How many items there may be in all, and how many of one workspace."""

    total: int
    per_workspace: int


class Shares:
    """Counts what lies in the store, and what this process has put in since it was counted there.

    What others have put in since then counts as nothing: the limits are there to bound, not to bill.
    """

    def __init__(self, limits: OutboxLimits) -> None:
        self._limits = limits
        self._added: Counter[str] = Counter()
        self.count = OutboxCount({})

    def refusal(self, workspace: str) -> Later | None:
        """Say why a workspace may put nothing in, if so."""
        if self.count.total + self._added.total() >= self._limits.total:
            return Later(Reason.OUTBOX_FULL)
        if self.count.by_workspace.get(workspace, 0) + self._added[workspace] >= self._limits.per_workspace:
            return Later(Reason.OUTBOX_SHARE_FULL)
        return None

    def put(self, workspace: str) -> None:
        """Count one that was put in."""
        self._added[workspace] += 1

    def added(self) -> Counter[str]:
        """Return what was put in so far, to be given to `counted` after a count that begins now."""
        return self._added.copy()

    def counted(self, count: OutboxCount, before: Counter[str]) -> None:
        """Take a new count; what was put in while it was made may be counted twice until the next."""
        self.count = count
        self._added -= before
