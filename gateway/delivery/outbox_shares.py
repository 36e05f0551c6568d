"""How full the outbox is, and whether a workspace may still put something in."""

from collections import Counter
from collections.abc import Callable

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

    def __init__(self, limits: OutboxLimits, own: "OwnShares") -> None:
        """Begin; `own` tells of a workspace (its id) and an app how many each may have, None: as many as all."""
        self._limits = limits
        self._own = own
        self._added: Counter[str] = Counter()
        self._added_by_app: Counter[str] = Counter()
        self.count = OutboxCount({})

    def refusal(self, workspace: str, app: str) -> Later | None:
        """Say why a workspace may put nothing in for an app, if so."""
        if self.count.total + self._added.total() >= self._limits.total:
            return Later(Reason.OUTBOX_FULL)
        of_workspace, of_app = self._own(workspace, app)
        share = self._limits.per_workspace if of_workspace is None else of_workspace
        if self.count.by_workspace.get(workspace, 0) + self._added[workspace] >= share:
            return Later(Reason.OUTBOX_SHARE_FULL)
        if of_app is not None and self.count.by_app.get(app, 0) + self._added_by_app[app] >= of_app:
            return Later(Reason.OUTBOX_APP_SHARE_FULL)
        return None

    def put(self, workspace: str, app: str) -> None:
        """Count one that was put in."""
        self._added[workspace] += 1
        self._added_by_app[app] += 1

    def added(self) -> "Added":
        """Return what was put in so far, to be given to `counted` after a count that begins now."""
        return self._added.copy(), self._added_by_app.copy()

    def counted(self, count: OutboxCount, before: "Added") -> None:
        """Take a new count; what was put in while it was made may be counted twice until the next."""
        self.count = count
        self._added -= before[0]
        self._added_by_app -= before[1]


Added = tuple[Counter[str], Counter[str]]
OwnShares = Callable[[str, str], tuple[int | None, int | None]]


def no_own_shares(_workspace: str, _app: str) -> tuple[None, None]:
    """Say that nobody has a share of its own."""
    return None, None
