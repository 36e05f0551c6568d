"""The device registry is written behind the answers, and as rarely as it can be without losing a fact."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

import msgspec

from gateway.delivery.write_behind import CAPACITY, WriteBehind
from gateway.model.clock import Clock
from gateway.model.device import Device, Sighting, after
from gateway.model.secret import Secret
from gateway.store.crypto import Vault
from gateway.store.port import Store

FRESH_SECONDS = 600.0
"""For how long a device of which there is nothing new is not written again."""
REMEMBERED = 50_000
"""Of how many devices it is known what was written."""


def device_hash(vault: Vault, token: str) -> str:
    """Return the keyed hash by which a device is known everywhere."""
    return vault.lookup_hash("device", token)


class Devices(WriteBehind[Sighting]):
    """Takes sightings at once, joins those of one device, and drops those for which there is no room."""

    what = "devices"

    def __init__(self, store: Store, clock: Clock, retention: float) -> None:
        """Take the retention in seconds."""
        super().__init__(clock, retention)
        self._store = store
        self._unwritten: dict[str, list[Sighting]] = {}
        self._number = 0
        self._written_last = _Memory()

    def add(self, sighting: Sighting) -> None:
        """Take one to be written, unless it tells nothing that was not written a moment ago."""
        others = self._unwritten.get(sighting.device)
        if others and sighting.is_ordinary and others[-1].is_ordinary:
            others[-1] = others[-1].joined(sighting)
        elif others or not self._written_last.covers(sighting):
            self._append(sighting)

    async def known(self, device: str) -> Device | None:
        """Return what is known of the device with this id, also what is not written yet.

        Raises:
            StoreError: the store does not answer.
        """
        known = await self._store.devices.get(device)
        for sighting in self._of(device):
            known = after(known, sighting)
        return known

    def _of(self, device: str) -> Iterable[Sighting]:
        yield from (sighting for sighting in self._batch if sighting.device == device)
        yield from self._unwritten.get(device, ())

    def _append(self, sighting: Sighting) -> None:
        if self._waiting >= CAPACITY:
            self._dropped += 1
            return
        self._unwritten.setdefault(sighting.device, []).append(sighting)
        self._number += 1

    def _count(self) -> int:
        return self._number

    def _take(self, limit: int) -> list[Sighting]:
        taken: list[Sighting] = []
        while self._unwritten and len(taken) < limit:
            taken += self._unwritten.pop(next(iter(self._unwritten)))
        self._number -= len(taken)
        self._written_last.forget(sighting.device for sighting in taken if not sighting.is_ordinary)
        return taken

    async def _store_batch(self, batch: Sequence[Sighting]) -> None:
        await self._store.devices.sight(batch)
        for sighting in batch:
            self._written_last.learn(sighting)

    async def _remove(self, before: float, limit: int) -> int:
        return await self._store.devices.remove(before, limit)


class _Memory:
    """What was written of living devices, those written last; of others nothing is known."""

    def __init__(self) -> None:
        self._written: OrderedDict[str, Sighting] = OrderedDict()

    def covers(self, sighting: Sighting) -> bool:
        """Tell whether all that a sighting tells was written a moment ago."""
        written = self._written.get(sighting.device)
        return (
            written is not None
            and sighting.is_ordinary
            and sighting.at - written.at < FRESH_SECONDS
            and (sighting.app is None or (sighting.app, sighting.environment) == (written.app, written.environment))
            and sighting.foreign_to in (None, written.foreign_to)
            and set(written.workspaces).issuperset(sighting.workspaces)
        )

    def learn(self, sighting: Sighting) -> None:
        """Take note of what was written; of a device that is spoken of as dead nothing is known."""
        written = self._written.pop(sighting.device, None)
        if sighting.is_ordinary:
            bare = msgspec.structs.replace(sighting, token=_NO_TOKEN)
            self._written[sighting.device] = written.joined(bare) if written else bare
        if len(self._written) > REMEMBERED:
            self._written.popitem(last=False)

    def forget(self, devices: Iterable[str]) -> None:
        """Know nothing any more of these devices."""
        for device in devices:
            self._written.pop(device, None)


_NO_TOKEN = Secret("")
