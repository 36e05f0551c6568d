"""The ports to what is owed: the outbox, and verdicts that came too late for an answer."""

from collections.abc import Collection, Sequence
from typing import Protocol

from gateway.model.outbox import Claim, Lane, LateVerdict, OutboxCount, OutboxItem, Postponement


class OutboxStore(Protocol):
    """Pushes that are owed, on disk when a method returns.

    Every method raises StoreError when the store cannot be used. An item belongs to whoever holds its lease. When the
    lease is over, it is anybody's.
    """

    async def put(self, items: Sequence[OutboxItem]) -> None:
        """Add items with their leases; one whose id is there already stays as it is there."""
        ...

    async def claim(self, claim: Claim) -> list[OutboxItem]:
        """Lease items that are due and free, each the first of its line; return them with the new lease, oldest first.

        Workspaces share the limit evenly: what one does not need goes to the others, and one with a million items does
        not keep another waiting. No two claims, of whichever gateway, get the same item while a lease lasts. One that
        cannot be read is logged and left alone, and its line with it, for an hour.
        """
        ...

    async def claim_expired(self, claim: Claim) -> list[OutboxItem]:
        """Lease items that are free and of no use any more, whatever their lane and line.

        One that cannot be read is logged and removed.
        """
        ...

    async def renew(self, owner: str, ids: Collection[str], until: float) -> None:
        """Prolong the leases of items that still are this owner's."""
        ...

    async def postpone(self, owner: str, postponements: Sequence[Postponement]) -> None:
        """Give items back for a later attempt; those that are not this owner's any more stay as they are."""
        ...

    async def hasten(self, lane: Lane, now: float) -> None:
        """Let every item of a lane that is free and due later be due at `now` (UNIX seconds)."""
        ...

    async def finish(self, ids: Collection[str]) -> None:
        """Remove items whoever holds them; one that is not there is no error."""
        ...

    async def count(self) -> OutboxCount:
        """Count the items of every workspace."""
        ...

    async def lines(self, among: Collection[str] | None) -> set[str]:
        """Return the lines in which items wait: those of the ones given, or (None) all there are."""
        ...

    async def find(self, key: str) -> str | None:
        """Return the id of an item with this key."""
        ...


class LateVerdictStore(Protocol):
    """Verdicts that were not answered yet. Every method raises StoreError when the store cannot be used."""

    async def put(self, verdicts: Sequence[LateVerdict]) -> None:
        """Add verdicts; each takes the place of an older one on the same workspace and device."""
        ...

    async def since(self, at: float, limit: int) -> list[LateVerdict]:
        """Read the first `limit` of those heard at `at` (UNIX seconds) or later, in the order of time."""
        ...

    async def take(self, workspace: str, device: str) -> bool:
        """Remove one; tell whether it was there: of all who ask at the same time one is told so."""
        ...

    async def remove(self, before: float, limit: int) -> int:
        """Forget the oldest, `limit` at most, of those heard before `before` (UNIX seconds); return how many."""
        ...
