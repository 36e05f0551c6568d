"""From one schema to the next, on every adapter."""

import sqlite3
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
from cryptography.fernet import Fernet

from gateway.model.app import App
from gateway.model.delivery import DeliveryQuery
from gateway.model.errors import StoreError, StoreKeyError
from gateway.store.crypto import Vault
from gateway.store.mongo import MongoStore
from gateway.store.mongo_database import Database
from gateway.store.port import Store
from gateway.store.schema import Migration
from gateway.store.sqlite import SqliteStore
from tests.store.log import delivered

VAULT = Vault([Fernet.generate_key().decode()], "lookup")
OTHER_VAULT = Vault([Fernet.generate_key().decode()], "lookup")


class Adapter(NamedTuple):
    """A store whose program knows as many migrations as are given; `upgrade` runs the real program's and opens it."""

    open: Callable[[int], Awaitable[Store]]
    migrate: Callable[[int, Vault], Awaitable[list[str]]]
    fail_next: Callable[[], None]
    upgrade: Callable[[], Awaitable[tuple[list[str], Store]]]


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

    return Adapter(
        lambda count: SqliteStore.open(path, lambda is_new: VAULT, migrations=steps(count)),
        lambda count, vault: SqliteStore.migrate(path, lambda is_new: vault, steps(count)),
        lambda: faults.append(sqlite3.OperationalError("disk full")),
        upgrade,
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

    return Adapter(
        lambda count: MongoStore.open(url, VAULT, migrations=steps(count)),
        lambda count, vault: MongoStore.migrate(url, vault, steps(count)),
        lambda: faults.append(OverflowError("disk full")),
        upgrade,
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


async def test_a_store_is_not_migrated_under_other_keys(old: Adapter) -> None:
    with pytest.raises(StoreKeyError):
        await old.migrate(2, OTHER_VAULT)
    assert await old.migrate(2, VAULT) == ["step 0", "step 1"]
