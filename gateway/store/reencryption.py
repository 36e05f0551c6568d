"""Everything that is encrypted, looked at and brought under the primary key, page by page beside running gateways.

An interruption at any point leaves each thing under a key that is known: whoever does it again goes on.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping

import msgspec

from gateway.store.crypto import Vault
from gateway.store.sealed_port import KINDS, Resealed, Sealed, SealedStore

PAGE = 200
"""Few enough that a gateway that wants to write does not wait for long."""

Advance = Callable[[int], None]
Survey = Mapping[str, Counter[str | None]]
"""How many things of each kind lie under which key, by fingerprint; None: under none of these."""


class Sweep(msgspec.Struct, frozen=True):
    """How many things were brought under the primary, and how many lie under none of the keys."""

    renewed: int
    unreadable: int


async def count(sealed: SealedStore) -> int:
    """Count everything that is encrypted."""
    return sum([await sealed.count(kind) for kind in KINDS])


async def survey(sealed: SealedStore, vault: Vault, advance: Advance) -> Survey:
    """Find out under which key each thing lies; `advance` is told how many have been looked at just now."""
    found: dict[str, Counter[str | None]] = {kind: Counter() for kind in KINDS}
    async for kind, page in _pages(sealed):
        found[kind].update(await asyncio.to_thread(_owners, vault, page))
        advance(len(page))
    return found


async def sweep(sealed: SealedStore, vault: Vault, advance: Advance) -> Sweep:
    """Bring everything under the primary that lies under another of the keys.

    What is written meanwhile may be passed over, so all is well only when a sweep has had nothing to do.

    Args:
        sealed: may be in use by gateways that know the primary.
        vault: the keys; what lies under none of them is left as it is.
        advance: is told how many things have been looked at just now.
    """
    renewed = unreadable = 0
    async for kind, page in _pages(sealed):
        owners = await asyncio.to_thread(_owners, vault, page)
        old = [thing for thing, owner in zip(page, owners, strict=True) if owner in vault.fingerprints[1:]]
        if old:
            await sealed.replace(kind, await asyncio.to_thread(_resealed, vault, old))
        renewed, unreadable = renewed + len(old), unreadable + owners.count(None)
        advance(len(page))
    return Sweep(renewed, unreadable)


async def _pages(sealed: SealedStore) -> AsyncIterator[tuple[str, list[Sealed]]]:
    for kind in KINDS:
        page = await sealed.page(kind, None, PAGE)
        while page:
            yield kind, page
            page = await sealed.page(kind, page[-1], PAGE)


def _owners(vault: Vault, page: list[Sealed]) -> list[str | None]:
    return [vault.owner_of(thing.content) for thing in page]


def _resealed(vault: Vault, things: list[Sealed]) -> list[Resealed]:
    return [Resealed(thing, vault.encrypt(vault.decrypt(thing.content))) for thing in things]
