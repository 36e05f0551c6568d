"""The device registry in MongoDB.

A device is replaced only where its version is still the one that was read; of gateways that change it at the same
moment one wins, and the others read again. As sightings may be merged twice, a batch is simply done again then: what
is in a device already changes nothing.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, TypeVar

import msgspec
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from gateway.model.device import Device, DeviceQuery, Sighting, after
from gateway.model.errors import StoreError
from gateway.model.secret import Secret
from gateway.store.crypto import Vault
from gateway.store.documents import converted
from gateway.store.mongo_database import DEVICES, Database, Run

TRIES = 20
"""How often a batch is merged anew while others change the same devices."""
_DUPLICATE_KEY = 11000

T = TypeVar("T")
DeviceT = TypeVar("DeviceT", bound=Device)


class _Sealed(msgspec.Struct, frozen=True):
    """The part of a document that is encrypted."""

    token: bytes


class MongoDevices:
    """Keeps devices in a collection; see DeviceStore."""

    def __init__(self, run: Run, vault: Vault) -> None:
        self._run = run
        self._vault = vault

    async def sight(self, sightings: Sequence[Sighting]) -> None:
        """Merge sightings, again where another gateway was faster."""
        await self._run(lambda database: _sight(database, sightings, self._vault))

    async def get(self, device: str) -> Device | None:
        """Return the device with this id."""
        return await self._run(lambda database: _get(database, device, self._vault))

    async def find(self, wanted: DeviceQuery, after: Device | None, limit: int) -> list[Device]:
        """Read devices, the last seen first."""
        return await self._run(lambda database: _find(database, wanted, after, limit, self._vault))

    async def forget(self, device: str) -> bool:
        """Remove one."""
        return await self._run(lambda database: _forget(database, device))

    async def remove(self, before: float, limit: int) -> int:
        """Forget those not seen for longest."""
        return await self._run(lambda database: _remove(database, before, limit))


def addition(device: Device, vault: Vault) -> UpdateOne:
    """Return the write that inserts one that is not there yet."""
    token = vault.encrypt(device.token.reveal().encode())
    return UpdateOne(
        {"_id": device.id}, {"$setOnInsert": {**_facts(device), "token": token, "version": 1}}, upsert=True
    )


def device_of(found: Mapping[str, Any], kind: type[DeviceT], vault: Vault) -> DeviceT:
    """Read what lies there.

    Raises:
        StoreError: it is damaged.
        StoreKeyError: it was written under other keys.
    """
    sealed = converted(found, _Sealed)
    return converted({**found, "id": found["_id"], "token": Secret(vault.decrypt(sealed.token).decode())}, kind)


def _facts(device: Device) -> dict[str, Any]:
    """Return what changes, by field."""
    facts = msgspec.structs.asdict(device)
    del facts["id"], facts["token"]
    return facts


async def _sight(database: Database, sightings: Sequence[Sighting], vault: Vault) -> None:
    by_device: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        by_device.setdefault(sighting.device, []).append(sighting)
    for _ in range(TRIES):
        if await _merge(database, by_device, vault):
            return
    raise StoreError("other gateways change the same devices all the time")


async def _merge(database: Database, by_device: Mapping[str, Sequence[Sighting]], vault: Vault) -> bool:
    """Read, merge, write; tell whether nobody was faster.

    The newest is read, also what most members do not have yet: should it be rolled back, so is what is written on it.
    """
    newest = database[DEVICES].with_options(read_concern=ReadConcern("local"))
    found = await newest.find({"_id": {"$in": list(by_device)}}, {"token": 0}).to_list(None)
    known = {one["_id"]: one for one in found}
    writes = await asyncio.to_thread(lambda: list(_writes(known, by_device, vault)))  # it encrypts every new token
    return not writes or await _write(database, writes)


def _writes(
    known: Mapping[str, Mapping[str, Any]], by_device: Mapping[str, Sequence[Sighting]], vault: Vault
) -> Iterator[UpdateOne]:
    for key, sightings in by_device.items():
        found = known.get(key)
        before = converted({**found, "id": key, "token": sightings[0].token}, Device) if found else None
        device = reduce(after, sightings[1:], after(before, sightings[0]))
        if found is None:
            yield addition(device, vault)
        elif device != before:
            unchanged = {"_id": key, "version": found.get("version")}
            yield UpdateOne(unchanged, {"$set": _facts(device), "$inc": {"version": 1}})


async def _write(database: Database, writes: Sequence[UpdateOne]) -> bool:
    """Write; tell whether every write found what it was made for."""
    try:
        result = await database[DEVICES].bulk_write(writes, ordered=False)
    except BulkWriteError as error:
        if any(refused["code"] != _DUPLICATE_KEY for refused in error.details["writeErrors"]):
            raise
        return False
    return bool(result.modified_count + result.upserted_count == len(writes))


async def _get(database: Database, device: str, vault: Vault) -> Device | None:
    found = await database[DEVICES].find_one({"_id": device})
    return device_of(found, Device, vault) if found else None


async def _find(
    database: Database, wanted: DeviceQuery, after: Device | None, limit: int, vault: Vault
) -> list[Device]:
    conditions = list(_conditions(wanted, after))
    cursor = database[DEVICES].find({"$and": conditions} if conditions else {})
    found = await cursor.sort([("last_seen", -1), ("_id", -1)]).limit(limit).to_list(None)
    return await asyncio.to_thread(lambda: [device_of(one, Device, vault) for one in found])


def _conditions(wanted: DeviceQuery, after: Device | None) -> Iterator[Mapping[str, object]]:
    for field, word in wanted.words.items():
        yield {field: word}
    if wanted.workspace is not None:
        yield {"workspaces": wanted.workspace}
    if wanted.is_dead is not None:
        yield {"dead_since": {"$ne" if wanted.is_dead else "$eq": None}}
    if wanted.ids is not None:
        yield {"_id": {"$gte": wanted.ids[0], "$lt": wanted.ids[1]}}
    if after is not None:
        yield {"last_seen": {"$lte": after.last_seen}}  # bounds the index, which the next line alone would not
        yield {"$or": [{"last_seen": {"$lt": after.last_seen}}, {"_id": {"$lt": after.id}}]}


async def _forget(database: Database, device: str) -> bool:
    result = await database[DEVICES].delete_one({"_id": device})
    return bool(result.deleted_count)


async def _remove(database: Database, before: float, limit: int) -> int:
    outdated = {"last_seen": {"$lt": before}}
    oldest = database[DEVICES].find(outdated, {"_id": 1}).sort("last_seen", 1).limit(limit)
    keys = [one["_id"] for one in await oldest.to_list(None)]
    result = await database[DEVICES].delete_many({"_id": {"$in": keys}, **outdated})
    return int(result.deleted_count)
