"""The port to what lies in the store encrypted, as it lies there: for whoever brings it under another key."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec


class SealedField(msgspec.Struct, frozen=True):
    """Where something encrypted lies: the table or collection, and the column or field."""

    table: str
    column: str


SEALED_FIELDS: Mapping[str, SealedField] = {
    "apps": SealedField("apps", "document"),
    "devices": SealedField("devices", "token"),
    "outbox": SealedField("outbox", "notification"),
}
"""Everything that is encrypted, by its kind. A new encrypted field is entered here, or it does not outlive a rotation.

In SQLite its table has row ids, and what is not encrypted in the column is no BLOB.
"""
SEAL = "seal"
"""The kind of the seal by which wrong keys are noticed; it lies elsewhere in each adapter."""
KINDS: tuple[str, ...] = (SEAL, *SEALED_FIELDS)
"""In the order of rotation: once the seal is under the new key, no gateway without that key starts any more."""


class Sealed(msgspec.Struct, frozen=True):
    """One encrypted thing, and the place where it lies; places have an order."""

    place: Any
    content: bytes


class Resealed(msgspec.Struct, frozen=True):
    """What is to lie in a place in place of what was found there."""

    found: Sealed
    content: bytes


class SealedStore(Protocol):
    """Everything that is encrypted. Every method raises StoreError when the store cannot be used."""

    async def count(self, kind: str) -> int:
        """Count the things of a kind."""
        ...

    async def page(self, kind: str, after: Sealed | None, limit: int) -> list[Sealed]:
        """Read the first `limit` things of a kind in the order of their places, of those behind `after` (None: all)."""
        ...

    async def replace(self, kind: str, things: Sequence[Resealed]) -> None:
        """Write things anew where still lies what was found; what was changed meanwhile stays as it is.

        No version and no revision changes by it: to gateways that know both keys nothing has happened.
        """
        ...
