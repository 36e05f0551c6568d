"""Everything that is encrypted comes under the primary, on every adapter, whatever else is written meanwhile."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from gateway.model.app import App, FcmCredentials
from gateway.model.device import Device
from gateway.model.errors import StoreKeyError
from gateway.model.outbox import OutboxItem
from gateway.model.store_url import StoreUrl
from gateway.model.workspace import Workspace
from gateway.store.crypto import Vault
from gateway.store.mongo import MongoStore
from gateway.store.port import Store
from gateway.store.reencryption import PAGE, Sweep, count, survey, sweep
from gateway.store.sealed_port import KINDS, SEALED_FIELDS, Resealed, Sealed
from gateway.store.sqlite import SqliteStore
from tests.sightings import known
from tests.store.owed import owed

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
BEFORE, BETWEEN, AFTER = Vault([OLD], "lookup"), Vault([NEW, OLD], "lookup"), Vault([NEW], "lookup")
(OLD_NAME,), (NEW_NAME,) = BEFORE.fingerprints, AFTER.fingerprints
FCM = FcmCredentials(project_id="example", client_email="push@example.com", service_account="google-key-text")
APPS = [App(id=f"app-{number:04}", name=f"Chat {number:04}", fcm=FCM, version=2) for number in range(2 * PAGE + 7)]
WORKSPACE = Workspace(id="w", name="Example Ltd", apps=(APPS[0].id,), secrets=(), version=1)
DEVICE, ITEM = known("device"), owed("push")
ALL = len(APPS) + 3
Open = Callable[[Vault], Awaitable[Store]]


@pytest.fixture(params=["mongo", "sqlite"])
def adapter(request: pytest.FixtureRequest) -> Open:
    """Each adapter, on data of its own."""
    if request.param == "mongo":
        url = request.getfixturevalue("mongo_url")
        return lambda vault: MongoStore.open(url, vault)
    path = request.getfixturevalue("tmp_path") / "gateway.db"
    return lambda vault: SqliteStore.open(path, lambda is_new: vault)


@pytest.fixture
async def open_under(adapter: Open) -> AsyncIterator[Open]:
    """Opens one more store object on the same data, under the keys given."""
    opened: list[Store] = []

    async def open_one(vault: Vault) -> Store:
        opened.append(await adapter(vault))
        return opened[-1]

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_under: Open) -> Store:
    """Filled under the old key, opened with both."""
    await (await open_under(BEFORE)).add([*APPS, WORKSPACE, DEVICE, ITEM])
    return await open_under(BETWEEN)


def nothing(_: int) -> None:
    """Look on."""


async def test_a_survey_counts_by_kind_and_key(store: Store) -> None:
    await store.put_app(App(id="new", name="New"))
    advanced: list[int] = []
    found = await survey(store.sealed, BETWEEN, advanced.append)
    assert found == {
        "seal": {OLD_NAME: 1},
        "apps": {OLD_NAME: len(APPS), NEW_NAME: 1},
        "devices": {OLD_NAME: 1},
        "outbox": {OLD_NAME: 1},
    }
    assert sum(advanced) == await count(store.sealed) == ALL + 1


async def test_after_a_sweep_nothing_needs_the_old_key_and_nothing_else_has_changed(
    store: Store, open_under: Open
) -> None:
    before = await store.load()
    assert await sweep(store.sealed, BETWEEN, nothing) == Sweep(renewed=ALL, unreadable=0)
    found = await survey(store.sealed, BETWEEN, nothing)
    assert found == {
        "seal": {NEW_NAME: 1},
        "apps": {NEW_NAME: len(APPS)},
        "devices": {NEW_NAME: 1},
        "outbox": {NEW_NAME: 1},
    }
    afterwards = await open_under(AFTER)
    assert await afterwards.load() == before
    assert await afterwards.page(Device, None, 9) == [DEVICE]
    assert await afterwards.page(OutboxItem, None, 9) == [ITEM]
    assert await sweep(store.sealed, BETWEEN, nothing) == Sweep(renewed=0, unreadable=0)
    with pytest.raises(StoreKeyError):
        await open_under(BEFORE)


@pytest.mark.parametrize("pages", [1, 2, 3])
async def test_a_sweep_that_is_interrupted_leaves_everything_readable_and_is_gone_on_with(
    store: Store, open_under: Open, pages: int
) -> None:
    looked_at: list[int] = []

    def interrupt(things: int) -> None:
        looked_at.append(things)
        if len(looked_at) == pages:
            raise InterruptedError

    before = await store.load()
    with pytest.raises(InterruptedError):
        await sweep(store.sealed, BETWEEN, interrupt)
    assert await store.load() == await (await open_under(BETWEEN)).load() == before
    assert await sweep(store.sealed, BETWEEN, nothing) == Sweep(renewed=ALL - sum(looked_at), unreadable=0)
    assert await (await open_under(AFTER)).load() == before


async def test_what_was_changed_meanwhile_stays_as_it_was_changed(store: Store, open_under: Open) -> None:
    page = await store.sealed.page("apps", None, 2)
    changed = await (await open_under(BEFORE)).put_app(APPS[0])
    await store.sealed.replace("apps", [Resealed(one, BETWEEN.encrypt(BETWEEN.decrypt(one.content))) for one in page])
    found = await survey(store.sealed, BETWEEN, nothing)
    assert found["apps"] == {OLD_NAME: len(APPS) - 1, NEW_NAME: 1}
    assert (await store.load()).apps[0] == changed


async def test_what_was_removed_meanwhile_does_not_come_back(store: Store) -> None:
    page = await store.sealed.page("apps", None, 1)
    await store.remove_app(APPS[0].id)
    await store.sealed.replace("apps", [Resealed(page[0], BETWEEN.encrypt(b"ghost"))])
    assert await store.sealed.count("apps") == len(APPS) - 1
    assert APPS[0].id not in {app.id for app in (await store.load()).apps}


async def test_what_lies_under_no_key_is_counted_and_left_alone(store: Store) -> None:
    (first,) = await store.sealed.page("apps", None, 1)
    strange = Sealed(first.place, Vault([Fernet.generate_key().decode()], "lookup").encrypt(b"strange"))
    await store.sealed.replace("apps", [Resealed(first, strange.content)])
    assert await sweep(store.sealed, BETWEEN, nothing) == Sweep(renewed=ALL - 1, unreadable=1)
    assert await store.sealed.page("apps", None, 1) == [strange]
    assert (await survey(store.sealed, BETWEEN, nothing))["apps"][None] == 1


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_pages_hold_everything_once(store: Store, limit: int) -> None:
    for kind in KINDS:
        found: list[Sealed] = []
        while page := await store.sealed.page(kind, found[-1] if found else None, limit * 100):
            found += page
        assert len({one.content for one in found}) == len(found) == await store.sealed.count(kind)
        assert {BETWEEN.owner_of(one.content) for one in found} == {OLD_NAME}


PLAIN = {("workspaces", "document")}
"""Columns of bytes that are not encrypted."""


async def test_every_column_of_bytes_is_known_to_be_encrypted_or_plain(tmp_path: Path) -> None:
    def columns() -> set[tuple[str, str]]:
        query = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE c.type = 'BLOB'"
        with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
            return set(connection.execute(query))

    await (await SqliteStore.open(tmp_path / "gateway.db", lambda is_new: BEFORE)).close()
    known = {(field.table, field.column) for field in SEALED_FIELDS.values()}
    assert await asyncio.to_thread(columns) == known | PLAIN


async def test_what_is_left_of_a_removed_app_is_nothing_encrypted(mongo_url: StoreUrl) -> None:
    store = await MongoStore.open(mongo_url, BEFORE)
    put = await store.put_app(App(id="a", name="Chat"))
    await store.remove_app(put.id)
    assert await store.sealed.page("apps", None, 9) == []
    await store.close()
