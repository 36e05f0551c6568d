"""What only the embedded store does: a file, its folder, its modes, its keys."""

import asyncio
import sqlite3
import stat
from asyncio import to_thread
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from msgspec import structs

from gateway.model.app import ApnsCredentials, App, FcmCredentials
from gateway.model.errors import StoreError, StoreKeyError
from gateway.model.workspace import SecretHash, Workspace
from gateway.store.crypto import Vault, local_vault
from gateway.store.schema import newest
from gateway.store.sqlite import SqliteStore
from gateway.store.sqlite_schema import MIGRATIONS
from tests.sightings import TOKEN as DEVICE_TOKEN
from tests.sightings import success
from tests.store.owed import TEXT, TITLE, TOKEN, owed

SCHEMA_VERSION = newest(MIGRATIONS)
KEYS = [Fernet.generate_key().decode()]
APP = App(
    id="app-1",
    name="Chat",
    apns=ApnsCredentials(topics=("com.example.chat",), key="apple-key-text"),
    fcm=FcmCredentials(project_id="example", client_email="push@example.com", service_account="google-key-text"),
)
STORED = structs.replace(APP, version=1)
WORKSPACE = Workspace(id="workspace-1", name="Example Ltd", apps=("app-1",), secrets=(SecretHash("hash-of-secret"),))


def keys(vault: Vault) -> Callable[[bool], Vault]:
    return lambda is_new: vault


async def mode(path: Path) -> str:
    return oct(stat.S_IMODE((await to_thread(path.stat)).st_mode))


async def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the store, byte for byte."""
    return await to_thread(lambda: {path.name: path.read_bytes() for path in folder.iterdir()})


async def execute(path: Path, statement: str) -> None:
    def run() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(statement)

    await to_thread(run)


async def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    def run() -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            return connection.execute(query).fetchall()

    return await to_thread(run)


async def open_beside_keys(path: Path) -> SqliteStore:
    return await SqliteStore.open(path, lambda is_new: local_vault(path.parent, may_make=is_new))


@pytest.fixture
async def filled(tmp_path: Path) -> Path:
    """A store with an app and a workspace in it, closed."""
    path = tmp_path / "filled" / "gateway.db"
    store = await SqliteStore.open(path, keys(Vault(KEYS, "lookup")))
    await store.put_app(APP)
    await store.put_workspace(WORKSPACE)
    await store.close()
    return path


async def test_the_store_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    store = await open_beside_keys(folder / "gateway.db")
    await store.put_app(APP)
    names = {"gateway.db", "gateway.db-wal", "gateway.db-shm", "encryption.keys", "lookup.key"}
    assert set(await contents(folder)) == names
    assert await mode(folder) == "0o700"
    assert {await mode(folder / name) for name in names} == {"0o600"}
    await store.close()


async def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    await to_thread(tmp_path.chmod, 0o750)
    await (await open_beside_keys(tmp_path / "gateway.db")).close()
    assert await mode(tmp_path) == "0o750"


async def test_credentials_cannot_be_read_from_the_files(tmp_path: Path) -> None:
    store = await open_beside_keys(tmp_path / "gateway.db")
    await store.put_app(APP)
    await store.put_workspace(WORKSPACE)
    while_open = b"".join((await contents(tmp_path)).values())
    await store.close()
    for written in (while_open, b"".join((await contents(tmp_path)).values())):
        assert b"Example Ltd" in written
        assert b"apple-key-text" not in written
        assert b"google-key-text" not in written
        assert b"push@example.com" not in written


async def test_device_tokens_cannot_be_read_from_the_file(tmp_path: Path) -> None:
    store = await open_beside_keys(tmp_path / "gateway.db")
    await store.devices.sight([success(1.0)])
    await store.devices.sight([success(2.0, app="beta")])
    await store.close()
    written = b"".join((await contents(tmp_path)).values())
    assert b"beta" in written
    assert DEVICE_TOKEN.reveal().encode() not in written


async def test_key_files_of_its_own_open_it_again(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    store = await open_beside_keys(path)
    await store.put_app(APP)
    await store.close()
    again = await open_beside_keys(path)
    assert (await again.load()).apps == (STORED,)
    await again.close()


async def test_with_rotated_keys_what_is_old_can_be_read(filled: Path) -> None:
    store = await SqliteStore.open(filled, keys(Vault([Fernet.generate_key().decode(), *KEYS], "lookup")))
    assert (await store.load()).apps == (STORED,)
    await store.close()


@pytest.mark.parametrize(
    ("vault", "words"),
    [
        (Vault([Fernet.generate_key().decode()], "lookup"), "other encryption keys"),
        (Vault(KEYS, "another"), "another lookup key"),
    ],
    ids=["encryption key", "lookup key"],
)
async def test_wrong_keys_are_refused_and_nothing_is_changed(filled: Path, vault: Vault, words: str) -> None:
    before = await contents(filled.parent)
    with pytest.raises(StoreKeyError, match=words):
        await SqliteStore.open(filled, keys(vault))
    assert await contents(filled.parent) == before


@pytest.mark.parametrize("missing", ["encryption.keys", "lookup.key"])
async def test_a_key_file_missing_beside_a_store_is_not_made_anew(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "gateway.db"
    await (await open_beside_keys(path)).close()
    await to_thread((tmp_path / missing).unlink)
    before = await contents(tmp_path)
    with pytest.raises(StoreKeyError, match=f"{missing} is missing; .* put it back from your backup"):
        await open_beside_keys(path)
    assert await contents(tmp_path) == before


async def test_a_store_of_a_newer_program_is_refused_and_left_alone(filled: Path) -> None:
    await execute(filled, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = await contents(filled.parent)
    with pytest.raises(StoreError, match=f"has schema {SCHEMA_VERSION + 1}, this program knows {SCHEMA_VERSION}"):
        await SqliteStore.open(filled, keys(Vault(KEYS, "lookup")))
    assert await contents(filled.parent) == before


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    await to_thread(path.write_bytes, b"shopping list: milk, bread" * 100)
    before = await contents(tmp_path)
    with pytest.raises(StoreError, match=f"cannot open the store {path}: file is not a database"):
        await SqliteStore.open(path, keys(Vault(KEYS, "lookup")))
    assert await contents(tmp_path) == before


@pytest.fixture
async def foreign(tmp_path: Path) -> Path:
    """Another program's database with something in it."""
    path = tmp_path / "foreign" / "notes.db"
    await to_thread(path.parent.mkdir)
    await execute(path, "CREATE TABLE notes (text TEXT)")
    await execute(path, "INSERT INTO notes VALUES ('milk, bread')")
    return path


async def test_another_programs_database_is_refused_and_keeps_what_it_holds(foreign: Path) -> None:
    with pytest.raises(StoreError, match="the file is another program's database; name one of the gateway's own"):
        await SqliteStore.open(foreign, keys(Vault(KEYS, "lookup")))
    assert await rows(foreign, "SELECT type, name FROM sqlite_master") == [("table", "notes")]
    assert await rows(foreign, "SELECT text FROM notes") == [("milk, bread",)]
    assert await rows(foreign, "PRAGMA user_version") == [(0,)]
    assert set(await contents(foreign.parent)) == {"notes.db"}


async def test_another_programs_database_is_left_byte_for_byte_as_it_was(foreign: Path) -> None:
    before = await contents(foreign.parent)
    with pytest.raises(StoreError, match="another program's database"):
        await SqliteStore.open(foreign, keys(Vault(KEYS, "lookup")))
    assert await contents(foreign.parent) == before


async def test_another_programs_database_is_called_so_where_keys_lie_beside_the_store(foreign: Path) -> None:
    with pytest.raises(StoreError, match="another program's database"):
        await open_beside_keys(foreign)


async def test_another_programs_database_of_our_schema_number_is_refused(foreign: Path) -> None:
    await execute(foreign, f"PRAGMA user_version = {SCHEMA_VERSION}")
    with pytest.raises(StoreError, match=f"cannot open the store {foreign}: no such table: meta"):
        await SqliteStore.open(foreign, keys(Vault(KEYS, "lookup")))
    assert await rows(foreign, "SELECT text FROM notes") == [("milk, bread",)]


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    await to_thread((tmp_path / "data").write_text, "a file")
    path = tmp_path / "data" / "deep" / "gateway.db"
    with pytest.raises(StoreError, match=f"cannot open the store {path}: "):
        await SqliteStore.open(path, keys(Vault(KEYS, "lookup")))


async def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"cannot open the store {tmp_path}: "):
        await SqliteStore.open(tmp_path, keys(Vault(KEYS, "lookup")))


async def test_a_log_that_cannot_be_opened_beside_the_file_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    await to_thread((tmp_path / "gateway.db-wal").mkdir)
    with pytest.raises(StoreError, match=f"cannot open the store {path}: "):
        await SqliteStore.open(path, keys(Vault(KEYS, "lookup")))


async def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    await to_thread(path.touch)
    store = await open_beside_keys(path)
    assert (await store.load()).apps == ()
    await store.close()


@pytest.mark.parametrize("attempt", range(20))
async def test_gateways_that_start_at_once_share_one_new_store(tmp_path: Path, attempt: int) -> None:
    path = tmp_path / "gateway.db"
    stores = await asyncio.gather(*(open_beside_keys(path) for _ in range(8)))
    await stores[0].put_app(APP)
    for store in stores:
        assert (await store.load()).apps == (STORED,)
        await store.close()


async def test_a_store_that_breaks_while_open_is_told_as_such(filled: Path) -> None:
    store = await SqliteStore.open(filled, keys(Vault(KEYS, "lookup")))
    await execute(filled, "DROP TABLE proofs")
    with pytest.raises(StoreError, match="the store does not answer: no such table: proofs"):
        await store.load()
    assert await store.put_workspace(structs.replace(WORKSPACE, version=1)) == structs.replace(WORKSPACE, version=2)
    await store.close()


async def test_a_damaged_document_is_told_as_a_fault_of_the_store(filled: Path) -> None:
    await execute(filled, "UPDATE workspaces SET document = X'7B'")
    store = await SqliteStore.open(filled, keys(Vault(KEYS, "lookup")))
    try:
        with pytest.raises(StoreError):
            await store.load()
    finally:
        await store.close()


async def test_a_change_waits_for_another_process_that_is_writing(filled: Path) -> None:
    store = await SqliteStore.open(filled, keys(Vault(KEYS, "lookup")))
    other = await to_thread(lambda: sqlite3.connect(filled, isolation_level=None, check_same_thread=False))
    await to_thread(other.execute, "BEGIN IMMEDIATE")
    changing = asyncio.create_task(store.put_workspace(structs.replace(WORKSPACE, suspended=True, version=1)))
    assert (await rows(filled, "SELECT version FROM workspaces")) == [(1,)]
    await to_thread(other.execute, "COMMIT")
    await to_thread(other.close)
    assert (await changing).version == 2
    await store.close()


async def test_what_is_owed_cannot_be_read_from_the_files(tmp_path: Path) -> None:
    store = await open_beside_keys(tmp_path / "gateway.db")
    await store.outbox.put([owed("1")])
    while_open = b"".join((await contents(tmp_path)).values())
    await store.close()
    for written in (while_open, b"".join((await contents(tmp_path)).values())):
        assert b"line of 1" in written
        for private in (TOKEN, TITLE, TEXT):
            assert private.encode() not in written
