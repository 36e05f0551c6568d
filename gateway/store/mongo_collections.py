"""The collections in MongoDB: what each step of the store reads and writes.

The revision is nowhere written down. Every app and workspace counts its own changes, in `changes`, by the very write
that makes one; what is removed stays behind, nameless and empty, with its count. The revision is one more than the sum
of all counts. So there is no second write that could be lost in a crash or seen before the first: what is in the data
is in the revision. Counts only grow, so whoever has read less than all changes has a smaller sum than there is in the
end, and notices at the next look.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.read_concern import ReadConcern

from gateway.model.app import App
from gateway.model.delivery import Delivery
from gateway.model.device import Device
from gateway.model.errors import StoreError
from gateway.model.notice import Notice
from gateway.model.outbox import LateVerdict, OutboxItem
from gateway.model.usage import Usage
from gateway.model.workspace import Workspace
from gateway.store import (
    mongo_deliveries,
    mongo_devices,
    mongo_late_verdicts,
    mongo_notices,
    mongo_outbox,
    mongo_usage,
)
from gateway.store.crypto import Vault
from gateway.store.documents import Document, changed, converted, name_taken, read, written
from gateway.store.mongo_claims import stored_item
from gateway.store.mongo_database import (
    APPS,
    DELIVERIES,
    DEVICES,
    LATE_VERDICTS,
    NOTICES,
    OUTBOX,
    PROOFS,
    USAGE,
    WORKSPACES,
    Database,
)
from gateway.store.port import Contents, Proof, Record, RecordT

QUIET_TRIES = 10
"""How often everything is read in the hope of a moment without changes."""
DUPLICATE_KEY = 11000
"""MongoDB's code for a write that a unique index refuses."""
T = TypeVar("T")
_COLLECTIONS: dict[type, str] = {
    App: APPS,
    Workspace: WORKSPACES,
    Proof: PROOFS,
    Delivery: DELIVERIES,
    OutboxItem: OUTBOX,
    LateVerdict: LATE_VERDICTS,
    Device: DEVICES,
    Notice: NOTICES,
    Usage: USAGE,
}
_SUM = [{"$match": {"changes": {"$gt": 0}}}, {"$group": {"_id": None, "changes": {"$sum": "$changes"}}}]
"""With the match, and nothing else asked for, the index alone answers."""
_PRESENT = {"version": {"$gt": 0}}


class _Row(msgspec.Struct, frozen=True):
    """An app or workspace as it lies there; version 0 is one that was removed."""

    version: int
    changes: int
    document: bytes = b""


class _Found(msgspec.Struct, frozen=True):
    """Everything as it lies there, still encrypted."""

    apps: list[_Row]
    workspaces: list[_Row]
    proven: frozenset[str]

    @property
    def revision(self) -> int:
        """One more than the sum of all changes in it."""
        return 1 + sum(row.changes for row in (*self.apps, *self.workspaces))


async def revision(database: Database) -> int:
    """Add up all changes."""
    return 1 + await _changes(database, APPS) + await _changes(database, WORKSPACES)


async def _changes(database: Database, name: str) -> int:
    sums = await database[name].aggregate(_SUM).to_list(None)
    return int(sums[0]["changes"]) if sums else 0


async def load(database: Database, vault: Vault) -> Contents:
    """Read everything, again if it was changed meanwhile.

    When the revision afterwards is that of what was read, not one count has moved in between: all of it was there at
    one moment. Where changes never pause, the last reading is returned; it may hold a change without an earlier one,
    but then its revision is not the store's, and whoever follows the store reads again.
    """
    for _ in range(QUIET_TRIES):
        found = await _read_all(database)
        if found.revision == await revision(database):
            break
    return await asyncio.to_thread(_contents, found, vault)


async def _read_all(database: Database) -> _Found:
    apps = [converted(found, _Row) for found in await database[APPS].find().to_list(None)]
    workspaces = [converted(found, _Row) for found in await database[WORKSPACES].find().to_list(None)]
    proofs = await database[PROOFS].find({}, {"_id": 1}).to_list(None)
    return _Found(apps, workspaces, frozenset(proof["_id"] for proof in proofs))


def _contents(found: _Found, vault: Vault) -> Contents:
    apps = [read(row.document, App, vault) for row in found.apps if row.version]
    workspaces = [read(row.document, Workspace, vault) for row in found.workspaces if row.version]
    return Contents(
        revision=found.revision,
        apps=tuple(sorted(apps, key=lambda app: app.name)),
        workspaces=tuple(sorted(workspaces, key=lambda workspace: workspace.name)),
        proven=found.proven,
    )


async def put(database: Database, newer: Document, vault: Vault) -> None:
    """Insert version 1, also where one was removed; replace the version before any other."""
    collection = database[_COLLECTIONS[type(newer)]]
    try:
        result = await collection.update_one(*_write(newer, newer.version - 1, vault), upsert=newer.version == 1)
    except DuplicateKeyError:
        raise await _clash(collection, newer) from None
    if not result.matched_count and result.upserted_id is None:
        raise changed(newer)


def _write(thing: Document, over: int, vault: Vault) -> tuple[dict[str, object], dict[str, object]]:
    """Return the filter and the update that write a thing over version `over` of it."""
    fields = {"name": thing.name, "version": thing.version, "document": written(thing, vault)}
    return {"_id": thing.id, "version": over}, {"$set": fields, "$inc": {"changes": 1}}


async def _clash(collection: Any, thing: Document) -> StoreError:  # noqa: ANN401 - a collection of either driver
    """Find out which of the unique fields it was; the other one may be too new to be seen with a majority."""
    local = collection.with_options(read_concern=ReadConcern("local"))
    other = await local.find_one({"name": thing.name, "_id": {"$ne": thing.id}}, {"_id": 1})
    return name_taken(thing) if other else changed(thing)


async def remove(database: Database, kind: type[Document], key: str) -> None:
    """Empty what may be there; the count of its changes stays, and in the name's place what nothing can be called."""
    nameless = {"version": 0, "name": {"removed": key}}
    emptied = {"$set": nameless, "$unset": {"document": ""}, "$inc": {"changes": 1}}
    await database[_COLLECTIONS[kind]].update_one({"_id": key, **_PRESENT}, emptied)


async def add_proof(database: Database, fingerprint: str, at: float) -> None:
    """Insert a proof, or give the one there another time."""
    await database[PROOFS].update_one({"_id": fingerprint}, {"$set": {"at": at}}, upsert=True)


async def page(database: Database, vault: Vault, kind: type[RecordT], after: str | None, limit: int) -> list[RecordT]:
    """Read the records that come next by key."""
    wanted = dict(_PRESENT) if kind in (App, Workspace) else {}
    behind = {} if after is None else {"_id": {"$gt": after}}
    found = await database[_COLLECTIONS[kind]].find(wanted | behind).sort("_id", 1).limit(limit).to_list(None)
    return [_READ[kind](one, kind, vault) for one in found]


_READ: dict[type, Callable[[Mapping[str, Any], type[Any], Vault], Any]] = {
    App: lambda found, kind, vault: read(converted(found, _Row).document, kind, vault),
    Workspace: lambda found, kind, vault: read(converted(found, _Row).document, kind, vault),
    Proof: lambda found, kind, vault: converted({"fingerprint": found["_id"], **found}, kind),
    Delivery: lambda found, kind, vault: mongo_deliveries.delivery_of(found, kind),
    OutboxItem: stored_item,
    LateVerdict: lambda found, kind, vault: mongo_late_verdicts.verdict_of(found, kind),
    Device: mongo_devices.device_of,
    Notice: lambda found, kind, vault: mongo_notices.notice_of(found, kind),
    Usage: lambda found, kind, vault: mongo_usage.usage_of(found, kind),
}
_ADDITION: dict[type, Callable[[Any, Vault], UpdateOne]] = {
    App: lambda app, vault: UpdateOne(*_write(app, 0, vault), upsert=True),
    Workspace: lambda workspace, vault: UpdateOne(*_write(workspace, 0, vault), upsert=True),
    Proof: lambda proof, vault: UpdateOne({"_id": proof.fingerprint}, {"$set": {"at": proof.at}}, upsert=True),
    Delivery: lambda delivery, vault: mongo_deliveries.addition(delivery),
    OutboxItem: mongo_outbox.addition,
    LateVerdict: lambda verdict, vault: mongo_late_verdicts.addition(verdict),
    Device: mongo_devices.addition,
    Notice: lambda notice, vault: mongo_notices.addition(notice),
    Usage: lambda usage, vault: mongo_usage.addition(usage),
}


async def add(database: Database, records: Sequence[Record], vault: Vault) -> None:
    """Insert records, in this order, up to the first that cannot be."""
    for kind, name in _COLLECTIONS.items():
        of_kind = [record for record in records if isinstance(record, kind)]
        if of_kind:
            await _add(database[name], of_kind, vault)


async def _add(collection: Any, records: Sequence[Record], vault: Vault) -> None:  # noqa: ANN401
    try:
        await collection.bulk_write([_ADDITION[type(record)](record, vault) for record in records])
    except BulkWriteError as error:
        refused: Mapping[str, Any] = next(iter(error.details["writeErrors"]), {})
        record = records[int(refused.get("index", 0))]
        if refused.get("code") != DUPLICATE_KEY or not isinstance(record, App | Workspace):
            raise
        raise await _clash(collection, record) from None
