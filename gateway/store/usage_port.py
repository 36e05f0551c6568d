"""The port to what the workspaces have used."""

from collections.abc import Sequence
from typing import Protocol

from gateway.model.usage import Usage


class UsageStore(Protocol):
    """Counts of pushes. Every method raises StoreError when the store cannot be used."""

    async def count(self, usages: Sequence[Usage]) -> None:
        """Add these counts to those that are there; each usage comes once in a batch."""
        ...

    async def month(self, month: str) -> list[Usage]:
        """Read all counts of a month (as 2026-11), by their ids."""
        ...
