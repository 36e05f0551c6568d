"""How full the outbox is, and whether a workspace may still put something in for an app."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from gateway.model.outbox import OutboxCount
from gateway.model.outcome import Later
from gateway.model.reason import Reason


class OutboxLimits(msgspec.Struct, frozen=True):
    """How many items there may be in all, and how many of one workspace."""

    total: int
    per_workspace: int


class OwnShares(msgspec.Struct, frozen=True):
    """How many items a workspace, and an app, may have that have numbers of their own (None: they have none)."""

    workspace: int | None = None
    app: int | None = None


SharesOf = Callable[[str, str], OwnShares]
"""Tells the own numbers of a workspace (id) and an app (name)."""


class Added(NamedTuple):
    """How many items were put in by each workspace, and for each app."""

    by_workspace: Counter[str]
    by_app: Counter[str]


class Shares:
    """Counts what lies in the store, and what this process has put in since it was counted there.

    What others have put in since then counts as nothing: the limits are there to bound, not to bill.
    """

    def __init__(self, limits: OutboxLimits, shares_of: SharesOf) -> None:
        self._limits = limits
        self._shares_of = shares_of
        self._added = Added(Counter(), Counter())
        self.count = OutboxCount()

    def refusal(self, workspace: str, app: str) -> Later | None:
        """Say why a workspace may put nothing in for an app, if so."""
        if self.count.total + self._added.by_workspace.total() >= self._limits.total:
            return Later(Reason.OUTBOX_FULL)
        own = self._shares_of(workspace, app)
        of_workspace = self.count.by_workspace.get(workspace, 0) + self._added.by_workspace[workspace]
        if of_workspace >= (self._limits.per_workspace if own.workspace is None else own.workspace):
            return Later(Reason.OUTBOX_SHARE_FULL)
        of_app = self.count.by_app.get(app, 0) + self._added.by_app[app]
        if own.app is not None and of_app >= own.app:
            return Later(Reason.OUTBOX_APP_SHARE_FULL)
        return None

    def put(self, workspace: str, app: str) -> None:
        """Count one that was put in."""
        self._added.by_workspace[workspace] += 1
        self._added.by_app[app] += 1

    def added(self) -> Added:
        """Return what was put in so far, to be given to `counted` after a count that begins now."""
        return Added(*(counter.copy() for counter in self._added))

    def counted(self, count: OutboxCount, before: Added) -> None:
        """Take a new count; what was put in while it was made may be counted twice until the next."""
        self.count = count
        self._added = Added(*(now - then for now, then in zip(self._added, before, strict=True)))
