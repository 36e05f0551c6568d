"""The MongoDB database: how it is made, and told from other programs' databases."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import msgspec
from pymongo import IndexModel, ReturnDocument

from gateway.model.errors import StoreError
from gateway.store.crypto import Vault
from gateway.store.documents import converted
from gateway.store.schema import Migration, check_schema, newest, pending

META = "meta"
APPS = "apps"
WORKSPACES = "workspaces"
PROOFS = "proofs"
DELIVERIES = "deliveries"
OUTBOX = "outbox"
LATE_VERDICTS = "late_verdicts"
DEVICES = "devices"
HEARTBEATS = "heartbeats"
NOTICES = "notices"
USAGE = "usage"

P = ParamSpec("P")
T = TypeVar("T")


class Database(Protocol):
    """What is needed of a database: Motor's has it, and so has the one of PyMongo's own asynchronous API."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a collection of either
        """Return the collection of that name."""
        ...

    async def list_collection_names(self) -> list[str]:
        """Return the names of the collections that are there."""
        ...


class Run(Protocol):
    """How a store does a step on its database."""

    async def __call__(
        self, step: Callable[Concatenate[Database, P], Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do it.

        Raises:
            StoreError: the store cannot be used.
        """
        ...


MongoMigration = Migration[Callable[[Database], Awaitable[None]]]

_INDEXES = (IndexModel("name", name="name", unique=True), IndexModel("changes", name="changes"))
"""Of apps and workspaces."""
_QUERIED = ("workspace", "app", "device", "outcome", "reason")
"""What a delivery is looked for by, besides its time."""
_OUTBOX = {
    "queue": [("queue", 1), ("look_at", 1)],
    "line": [("line", 1), ("received_at", 1), ("_id", 1)],
    "workspace": [("workspace", 1), ("received_at", 1)],
    "expires_at": [("expires_at", 1), ("leased_until", 1)],
    "key": [("key", 1)],
    "app": [("app", 1)],
}
"""The indexes of the outbox by their names."""
_KEY = "gateway"


class _Meta(msgspec.Struct, frozen=True):
    """The one document by which a database is ours; `seal` proves the keys."""

    schema: int
    seal: bytes


async def prepare(database: Database, vault: Vault, may_make: bool, migrations: Sequence[MongoMigration]) -> None:
    """Make what is missing in the database, and check that it is ours and these are its keys.

    However many gateways do this at once, one makes it and all of them can use it.

    Raises:
        StoreError: it is another program's, of another schema, or empty and `may_make` is false.
        StoreKeyError: it was written under other keys.
    """
    check_schema(await _own(database, vault, may_make, migrations), migrations)
    await _make_indexes(database)


async def migrate(database: Database, vault: Vault, migrations: Sequence[MongoMigration]) -> list[str]:
    """Bring the database to the newest schema; return what was done.

    Raises:
        StoreError, StoreKeyError: as for `prepare`.
    """
    found, done = await _own(database, vault, True, migrations), []
    for number, migration in enumerate(pending(found, migrations), found):
        await migration.run(database)
        await database[META].update_one({"_id": _KEY, "schema": number}, {"$set": {"schema": number + 1}})
        done.append(migration.does)
    await _make_indexes(database)
    return done


async def _own(database: Database, vault: Vault, may_make: bool, migrations: Sequence[MongoMigration]) -> int:
    """Return the schema of the database, which is ours or empty; nothing is written to any other."""
    strangers = await _strangers(database)
    found = await database[META].find_one({"_id": _KEY})
    if found is None and strangers:
        raise StoreError(
            f"the database holds what is not the gateway's ({', '.join(strangers)}); "
            "name one of its own in store.url, behind the host: mongodb://host/push_gateway"
        )
    if found is None and not may_make:
        raise StoreError("there is no store in this database; check its name, which stands behind the host")
    meta = converted(found or await _claim(database, vault, newest(migrations)), _Meta)
    pending(meta.schema, migrations)
    vault.verify(meta.seal)
    return meta.schema


async def _strangers(database: Database) -> list[str]:
    """Name the collections that hold more than the document by which a database is ours."""
    names = [name for name in await database.list_collection_names() if not name.startswith("system.")]
    return [name for name in sorted(names) if await database[name].find_one({"_id": {"$ne": _KEY}}, {"_id": 1})]


async def _claim(database: Database, vault: Vault, schema: int) -> object:
    """Write the document by which the database is ours, or read the one that another gateway has just written."""
    made = {"$setOnInsert": {"schema": schema, "seal": vault.seal()}}
    return await database[META].find_one_and_update(
        {"_id": _KEY}, made, upsert=True, return_document=ReturnDocument.AFTER
    )


async def _make_indexes(database: Database) -> None:
    """Make them where they are missing; the server refuses where they are others."""
    for name in (APPS, WORKSPACES):
        await database[name].create_indexes([*_INDEXES])
    await _make_delivery_indexes(database)
    await _make_outbox_indexes(database)
    await _make_device_indexes(database)
    await _make_heartbeat_index(database)
    await _make_notice_index(database)
    await _make_usage_index(database)


async def _make_delivery_indexes(database: Database) -> None:
    """Every query comes in the order of time, and of the id where times are the same."""
    in_time = [("at", 1), ("_id", 1)]
    indexes = [IndexModel([(field, 1), *in_time], name=field) for field in _QUERIED]
    await database[DELIVERIES].create_indexes([IndexModel(in_time, name="at"), *indexes])


async def _make_outbox_indexes(database: Database) -> None:
    await database[OUTBOX].create_indexes([IndexModel([*fields], name=name) for name, fields in _OUTBOX.items()])
    await database[LATE_VERDICTS].create_indexes([IndexModel([("at", 1), ("_id", 1)], name="at")])
    await database[DELIVERIES].create_indexes([IndexModel([("key", 1), ("at", 1)], name="key")])


async def _make_device_indexes(database: Database) -> None:
    await database[DEVICES].create_indexes([IndexModel([("last_seen", 1), ("_id", 1)], name="last_seen")])


async def _make_heartbeat_index(database: Database) -> None:
    await database[HEARTBEATS].create_indexes([IndexModel("at", name="at")])


async def _make_notice_index(database: Database) -> None:
    await database[NOTICES].create_indexes([IndexModel("until", name="until")])


async def _make_usage_index(database: Database) -> None:
    await database[USAGE].create_indexes([IndexModel([("month", 1), ("_id", 1)], name="month")])


MIGRATIONS: tuple[MongoMigration, ...] = (
    Migration("add the delivery log", _make_delivery_indexes),
    Migration("add the outbox", _make_outbox_indexes),
    Migration("add the device registry", _make_device_indexes),
    Migration("add heartbeats", _make_heartbeat_index),
    Migration("add notices", _make_notice_index),
    Migration("add usage", _make_usage_index),
    Migration("count the outbox by app", _make_outbox_indexes),
)
"""In order; a new database is what they lead to."""
