"""Rotation of the encryption keys beside running gateways.

First every gateway knows the new key, then every one writes under it, then everything is brought under it. So there is
no moment at which one could find what it cannot read. Each step begins with what is there: after an interruption the
rotation is made again, and goes on where it was.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

from gateway.model.clock import Clock
from gateway.model.errors import RotationError
from gateway.model.heartbeat import LIVE_SECONDS, Heartbeat
from gateway.store.local_keys import KeyFiles
from gateway.store.opening import OpenStore
from gateway.store.reencryption import Sweep, count, sweep

WAIT_SECONDS = 60.0
"""How long the gateways get to take notice of a key."""
LOOK_SECONDS = 1.0
SWEEPS = 5
"""How often what was written under an old key meanwhile is gone after."""

_THREE_STEPS = (
    "A key of the settings is rotated in three steps: (1) add the new key at the end of encryption.keys everywhere and "
    "restart each gateway, (2) move it to the front everywhere and restart each gateway, (3) run `push-gateway keys "
    "rotate`"
)


class Onlooker(Protocol):
    """Is told how a rotation goes."""

    def says(self, line: str) -> None:
        """Take a sentence on what happens now."""
        ...

    def begins(self, what: str, total: int) -> None:
        """Begin to count anew, up to about `total` things."""
        ...

    def advances(self, things: int) -> None:
        """Count on."""
        ...


class Rotated(msgspec.Struct, frozen=True):
    """The end of a rotation: everything lies under `primary`, nothing under the `old` keys. `renewed` things had to."""

    primary: str
    old: tuple[str, ...]
    renewed: int


class Rotation:
    """One rotation, of key files beside an embedded store or of keys from the settings."""

    def __init__(self, opened: OpenStore, clock: Clock, onlooker: Onlooker) -> None:
        self._store = opened.store
        self._vault = opened.vault
        self._files = opened.key_files
        self._clock = clock
        self._onlooker = onlooker

    async def run(self) -> Rotated:
        """Go through all steps that are left.

        Raises:
            RotationError: a gateway does not know the key yet, or something is amiss with what lies in the store.
            StoreError: the store or a key file cannot be used.
        """
        if self._files is None:
            await self._check_gateways()
            return await self._renew_everything()
        lock = await asyncio.to_thread(self._files.lock)
        try:
            await self._bring_in(self._files)
            rotated = await self._renew_everything()
            await asyncio.to_thread(self._files.finish)
            return rotated
        finally:
            await asyncio.to_thread(lock.close)

    async def _bring_in(self, files: KeyFiles) -> None:
        """Make a new key, or the one of a rotation that was interrupted, the primary of every gateway."""
        new = await asyncio.to_thread(lambda: files.underway() or files.add())
        self._onlooker.says(f"The new key {new} is in {files.path}.")
        await self._wait(f"know the new key {new}", lambda gateway: new in gateway.keys)
        await asyncio.to_thread(files.promote, new)
        self._onlooker.says(f"The new key {new} is the first in {files.path}.")
        await self._wait(f"write under the new key {new}", lambda gateway: gateway.keys[:1] == (new,))

    async def _wait(self, what: str, has_done: Callable[[Heartbeat], bool]) -> None:
        give_up_at, told = self._clock.monotonic() + WAIT_SECONDS, ""
        while names := ", ".join(gateway.name for gateway in await self._live() if not has_done(gateway)):
            if self._clock.monotonic() >= give_up_at:
                raise RotationError(
                    f"{names} does not {what} after {WAIT_SECONDS:.0f} s; its log may say why. Restart it, and run "
                    "`push-gateway keys rotate` again: it goes on from here"
                )
            if names != told:
                self._onlooker.says(f"Waiting for a gateway to {what}: {names}")
                told = names
            await self._clock.sleep(LOOK_SECONDS)

    async def _check_gateways(self) -> None:
        primary, *old = self._vault.fingerprints
        amiss = [_difference(gateway, primary) for gateway in await self._live() if gateway.keys[:1] != (primary,)]
        if not old:
            amiss.insert(0, f"encryption.keys holds one key only, {primary}")
        if amiss:
            raise RotationError(f"nothing is rotated yet: {'; '.join(amiss)}. {_THREE_STEPS}")

    async def _live(self) -> list[Heartbeat]:
        return await self._store.heartbeats.since(self._clock.now() - LIVE_SECONDS)

    async def _renew_everything(self) -> Rotated:
        primary, *old = self._vault.fingerprints
        renewed = 0
        for number in range(SWEEPS):
            swept = await self._sweep("Re-encrypting" if number == 0 else "Checking")
            renewed += swept.renewed
            if swept.renewed == 0:
                _check_readable(swept.unreadable)
                return Rotated(primary, tuple(old), renewed)
        raise RotationError(
            f"again and again something is written under an old key, by a program that does not know {primary}; find "
            "it with `push-gateway instances`, restart it, and run `push-gateway keys rotate` again"
        )

    async def _sweep(self, what: str) -> Sweep:
        self._onlooker.begins(what, await count(self._store.sealed))
        return await sweep(self._store.sealed, self._vault, self._onlooker.advances)


def _difference(gateway: Heartbeat, primary: str) -> str:
    if primary not in gateway.keys:
        return f"{gateway.name} does not know the key {primary}"
    return f"{gateway.name} writes under {gateway.keys[0]}, not under {primary}"


def _check_readable(unreadable: int) -> None:
    if unreadable:
        raise RotationError(
            f"of what is encrypted, {unreadable} cannot be read by any of the keys, the rest lies under the first; put "
            "the missing key at the end of encryption.keys and run `push-gateway keys rotate` again"
        )
