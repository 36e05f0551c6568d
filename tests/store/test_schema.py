"""From one schema to the next, on every adapter."""

import sqlite3
from asyncio import to_thread
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import NamedTuple

import pytest
from cryptography.fernet import Fernet
from msgspec.structs import asdict
from pymongo import MongoClient

from gateway.model.app import App
from gateway.model.delivery import DeliveryQuery
from gateway.model.device import DeviceQuery, after
from gateway.model.errors import StoreError, StoreKeyError
from gateway.store import mongo_database, sqlite_schema
from gateway.store.crypto import Vault
from gateway.store.mongo import MongoStore
from gateway.store.mongo_database import Database
from gateway.store.port import Store
from gateway.store.schema import Migration
from gateway.store.sqlite import SqliteStore
from tests.sightings import success
from tests.store.log import delivered
from tests.store.owed import claim, late, owed

VAULT = Vault([Fernet.generate_key().decode()], "lookup")
OLD_DELIVERY = {name: value for name, value in asdict(delivered("a")).items() if name != "key"}
OTHER_VAULT = Vault([Fernet.generate_key().decode()], "lookup")


class Adapter(NamedTuple):
    """A store whose program knows as many migrations as are given.

    `upgrade` runs the real program's and opens it; `log` makes one of the second schema, with delivery "a" in its log
    as the program of then wrote it.
    """

    open: Callable[[int], Awaitable[Store]]
    migrate: Callable[[int, Vault], Awaitable[list[str]]]
    fail_next: Callable[[], None]
    upgrade: Callable[[], Awaitable[tuple[list[str], Store]]]
    log: Callable[[], Awaitable[None]]


@pytest.fixture
def sqlite(request: pytest.FixtureRequest) -> Adapter:
    path, faults = request.getfixturevalue("tmp_path") / "gateway.db", []

    def step(number: int) -> Migration[Callable[[sqlite3.Connection], None]]:
        def run(connection: sqlite3.Connection) -> None:
            connection.execute(f"CREATE TABLE step_{number} (id TEXT) STRICT")
            if faults:
                raise faults.pop()

        return Migration(f"step {number}", run)

    def steps(count: int) -> list[Migration[Callable[[sqlite3.Connection], None]]]:
        return [step(number) for number in range(count)]

    async def upgrade() -> tuple[list[str], Store]:
        done = await SqliteStore.migrate(path, lambda is_new: VAULT)
        return done, await SqliteStore.open(path, lambda is_new: VAULT)

    async def log() -> None:
        await (await SqliteStore.open(path, lambda is_new: VAULT, migrations=sqlite_schema.MIGRATIONS[:1])).close()
        names = ", ".join(OLD_DELIVERY)
        values = ", ".join(f":{name}" for name in OLD_DELIVERY)

        def run() -> None:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute(f"INSERT INTO deliveries ({names}) VALUES ({values})", OLD_DELIVERY)  # noqa: S608

        await to_thread(run)

    return Adapter(
        lambda count: SqliteStore.open(path, lambda is_new: VAULT, migrations=steps(count)),
        lambda count, vault: SqliteStore.migrate(path, lambda is_new: vault, steps(count)),
        lambda: faults.append(sqlite3.OperationalError("disk full")),
        upgrade,
        log,
    )


@pytest.fixture
def mongo(request: pytest.FixtureRequest) -> Adapter:
    url, faults = request.getfixturevalue("mongo_url"), []

    def step(number: int) -> Migration[Callable[[Database], Awaitable[None]]]:
        async def run(database: Database) -> None:
            await database[f"step_{number}"].update_one({"_id": 1}, {"$set": {"done": True}}, upsert=True)
            if faults:
                raise faults.pop()

        return Migration(f"step {number}", run)

    def steps(count: int) -> list[Migration[Callable[[Database], Awaitable[None]]]]:
        return [step(number) for number in range(count)]

    async def upgrade() -> tuple[list[str], Store]:
        return await MongoStore.migrate(url, VAULT), await MongoStore.open(url, VAULT)

    async def log() -> None:
        await (await MongoStore.open(url, VAULT, migrations=mongo_database.MIGRATIONS[:1])).close()

        def run() -> None:
            with MongoClient[dict[str, object]](url.reveal()) as client:
                fields = {name: value for name, value in OLD_DELIVERY.items() if name != "id"}
                client.get_default_database()["deliveries"].insert_one({"_id": OLD_DELIVERY["id"], **fields})

        await to_thread(run)

    return Adapter(
        lambda count: MongoStore.open(url, VAULT, migrations=steps(count)),
        lambda count, vault: MongoStore.migrate(url, vault, steps(count)),
        lambda: faults.append(OverflowError("disk full")),
        upgrade,
        log,
    )


@pytest.fixture(params=["mongo", "sqlite"])
def adapter(request: pytest.FixtureRequest) -> Adapter:
    found: Adapter = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def old(adapter: Adapter) -> Adapter:
    """A store of the first schema, with an app in it."""
    store = await adapter.open(0)
    await store.put_app(App(id="app-1", name="Chat"))
    await store.close()
    return adapter


async def test_an_older_store_is_refused_with_what_to_type(old: Adapter) -> None:
    with pytest.raises(StoreError, match=r"has schema 1, this program needs 3; .* run `push-gateway store migrate`"):
        await old.open(2)
    await (await old.open(0)).close()


async def test_migrating_runs_what_is_pending_once_and_in_order(old: Adapter) -> None:
    assert await old.migrate(1, VAULT) == ["step 0"]
    assert await old.migrate(3, VAULT) == ["step 1", "step 2"]
    assert await old.migrate(3, VAULT) == []
    store = await old.open(3)
    assert [app.name for app in (await store.load()).apps] == ["Chat"]
    await store.close()


async def test_a_migrated_store_is_too_new_for_the_program_before(old: Adapter) -> None:
    await old.migrate(2, VAULT)
    for use in (old.open(1), old.migrate(1, VAULT)):
        with pytest.raises(StoreError, match="has schema 3, this program knows 2; run a newer one"):
            await use


async def test_a_new_store_needs_no_migration(adapter: Adapter) -> None:
    store = await adapter.open(2)
    await store.close()
    assert await adapter.migrate(2, VAULT) == []


async def test_a_migration_that_fails_is_run_again_from_its_beginning(old: Adapter) -> None:
    old.fail_next()
    with pytest.raises(StoreError, match="disk full"):
        await old.migrate(2, VAULT)
    with pytest.raises(StoreError, match="has schema 1"):
        await old.open(2)
    assert await old.migrate(2, VAULT) == ["step 0", "step 1"]


async def test_a_store_of_the_first_schema_gets_a_delivery_log_and_keeps_what_it_has(old: Adapter) -> None:
    done, store = await old.upgrade()
    assert "add the delivery log" in done
    await store.add([delivered("a")])
    assert await store.deliveries(DeliveryQuery(workspace="acme"), None, 9) == [delivered("a")]
    assert [app.name for app in (await store.load()).apps] == ["Chat"]
    await store.close()


async def test_a_store_of_the_second_schema_gets_an_outbox_and_keeps_its_log(adapter: Adapter) -> None:
    await adapter.log()
    done, store = await adapter.upgrade()
    assert done[0] == "add the outbox"
    assert await store.deliveries(DeliveryQuery(), None, 9) == [delivered("a")]
    await store.add([delivered("b", key="k")])
    assert await store.delivered("k", 0.0) == "b"
    await store.outbox.put([owed("1")])
    assert len(await store.outbox.claim(claim())) == 1
    await store.late_verdicts.put([late("d")])
    assert await store.late_verdicts.since(0.0, 9) == [late("d")]
    await store.close()


async def test_a_store_of_the_first_schema_gets_a_device_registry(old: Adapter) -> None:
    done, store = await old.upgrade()
    assert "add the device registry" in done
    await store.devices.sight([success(1.0)])
    assert await store.devices.find(DeviceQuery(), None, 9) == [after(None, success(1.0))]
    await store.close()


async def test_a_store_is_not_migrated_under_other_keys(old: Adapter) -> None:
    with pytest.raises(StoreKeyError):
        await old.migrate(2, OTHER_VAULT)
    assert await old.migrate(2, VAULT) == ["step 0", "step 1"]
