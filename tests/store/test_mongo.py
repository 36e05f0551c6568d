"""What only MongoDB brings: a server that may be away, a database that may be another's, a URL with a password."""

import asyncio
import os
from asyncio import to_thread
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import bson
import pytest
from cryptography.fernet import Fernet
from msgspec import structs
from pymongo import MongoClient
from pymongo.database import Database

from gateway.model.app import ApnsCredentials, App
from gateway.model.delivery import DeliveryQuery
from gateway.model.errors import StoreError, StoreKeyError
from gateway.model.store_url import StoreUrl
from gateway.model.workspace import SecretHash, Workspace
from gateway.store.crypto import Vault
from gateway.store.mongo import MongoStore
from gateway.store.mongo_database import MIGRATIONS
from gateway.store.port import Proof
from gateway.store.schema import newest
from tests.mongodb import with_database
from tests.servers.mongo import mongo
from tests.servers.process import free_port
from tests.sightings import TOKEN as DEVICE_TOKEN
from tests.sightings import success
from tests.store.owed import TEXT, TITLE, TOKEN, owed

KEYS = [Fernet.generate_key().decode()]
VAULT = Vault(KEYS, "lookup")
APP = App(id="app-1", name="Chat", apns=ApnsCredentials(topics=("com.example.chat",), key="apple-key-text"))
WORKSPACE = Workspace(id="workspace-1", name="Example Ltd", apps=("app-1",), secrets=(SecretHash("hash-of-secret"),))
SCHEMA = newest(MIGRATIONS)


class Inside:
    """The database as another program sees it."""

    def __init__(self, url: StoreUrl) -> None:
        self._url = url.reveal()

    async def does(self, act: Callable[[Database[dict[str, Any]]], Any]) -> Any:
        def run() -> Any:
            with MongoClient[dict[str, Any]](self._url) as client:
                return act(client.get_default_database())

        return await to_thread(run)

    async def everything(self) -> dict[str, list[dict[str, Any]]]:
        return await self.does(lambda db: {name: list(db[name].find()) for name in sorted(db.list_collection_names())})


@pytest.fixture
def inside(mongo_url: StoreUrl) -> Inside:
    return Inside(mongo_url)


@asynccontextmanager
async def opened(url: StoreUrl, vault: Vault = VAULT, **options: Any) -> AsyncIterator[MongoStore]:
    store = await MongoStore.open(url, vault, **options)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def filled(mongo_url: StoreUrl) -> StoreUrl:
    """A store with an app and a workspace in it."""
    async with opened(mongo_url) as store:
        await store.put_app(APP)
        await store.put_workspace(WORKSPACE)
    return mongo_url


@pytest.mark.usefixtures("filled")
async def test_credentials_cannot_be_read_from_the_database(inside: Inside) -> None:
    written = repr(await inside.everything())
    assert "hash-of-secret" in written
    assert "apple-key-text" not in written


async def test_what_is_owed_cannot_be_read_from_the_database(filled: StoreUrl, inside: Inside) -> None:
    async with opened(filled) as store:
        await store.outbox.put([owed("1")])
    written = repr(await inside.everything())
    assert "line of 1" in written
    for private in (TOKEN, TITLE, TEXT):
        assert private not in written


async def test_device_tokens_cannot_be_read_from_the_database(filled: StoreUrl, inside: Inside) -> None:
    async with opened(filled) as store:
        await store.devices.sight([success(1.0)])
        await store.devices.sight([success(2.0, app="beta")])
    written = repr(await inside.everything())
    assert "beta" in written
    assert DEVICE_TOKEN.reveal() not in written


async def test_with_rotated_keys_what_is_old_can_be_read(filled: StoreUrl) -> None:
    async with opened(filled, Vault([Fernet.generate_key().decode(), *KEYS], "lookup")) as store:
        assert (await store.load()).apps == (structs.replace(APP, version=1),)


@pytest.mark.parametrize(
    ("vault", "words"),
    [
        (Vault([Fernet.generate_key().decode()], "lookup"), "other encryption keys"),
        (Vault(KEYS, "another"), "another lookup key"),
    ],
    ids=["encryption key", "lookup key"],
)
async def test_wrong_keys_are_refused_and_nothing_is_changed(
    filled: StoreUrl, inside: Inside, vault: Vault, words: str
) -> None:
    before = await inside.everything()
    with pytest.raises(StoreKeyError, match=words):
        await MongoStore.open(filled, vault)
    assert await inside.everything() == before


async def test_a_store_of_a_newer_program_is_refused_and_left_alone(filled: StoreUrl, inside: Inside) -> None:
    await inside.does(lambda db: db["meta"].update_one({}, {"$inc": {"schema": 1}}))
    before = await inside.everything()
    for use in (MongoStore.open, MongoStore.migrate):
        with pytest.raises(StoreError, match=f"has schema {SCHEMA + 1}, this program knows {SCHEMA}; run a newer one"):
            await use(filled, VAULT)
    assert await inside.everything() == before


@pytest.mark.parametrize("name", ["notes", "apps", "meta"])
async def test_another_programs_database_is_refused_and_left_alone(
    mongo_url: StoreUrl, inside: Inside, name: str
) -> None:
    await inside.does(lambda db: db[name].insert_one({"_id": 1, "text": "milk, bread"}))
    before = await inside.everything()
    with pytest.raises(StoreError, match=rf"holds what is not the gateway's \({name}\); name one of its own"):
        await MongoStore.open(mongo_url, VAULT)
    assert await inside.everything() == before


async def test_an_empty_database_is_no_store_for_who_may_not_make_one(mongo_url: StoreUrl, inside: Inside) -> None:
    with pytest.raises(StoreError, match="there is no store in this database; check its name"):
        await MongoStore.open(mongo_url, VAULT, may_make=False)
    assert await inside.everything() == {}


@pytest.mark.parametrize("attempt", range(5))
async def test_gateways_that_start_at_once_share_one_new_store(mongo_url: StoreUrl, attempt: int) -> None:
    stores = await asyncio.gather(*(MongoStore.open(mongo_url, VAULT) for _ in range(6)))
    put = await stores[0].put_app(APP)
    for store in stores:
        assert (await store.load()).apps == (put,)
        await store.close()


async def test_of_gateways_with_different_keys_that_start_at_once_one_owns_the_store(mongo_url: StoreUrl) -> None:
    vaults = [Vault([Fernet.generate_key().decode()], "lookup") for _ in range(6)]
    results = await asyncio.gather(*(MongoStore.open(mongo_url, vault) for vault in vaults), return_exceptions=True)
    stores = [result for result in results if isinstance(result, MongoStore)]
    for store in stores:
        await store.close()
    assert [type(result) for result in results if not isinstance(result, MongoStore)] == [StoreKeyError] * 5


async def test_names_are_unique_in_the_database_itself(filled: StoreUrl, inside: Inside) -> None:
    indexes = await inside.does(lambda db: [db[name].index_information() for name in ("apps", "workspaces")])
    assert [index["name"]["unique"] for index in indexes] == [True, True]


async def test_an_index_that_is_another_is_told(mongo_url: StoreUrl, inside: Inside) -> None:
    await inside.does(lambda db: db["apps"].create_index("name", name="name"))
    with pytest.raises(StoreError, match=f"cannot open the store {mongo_url}: .*index"):
        await MongoStore.open(mongo_url, VAULT)


@pytest.mark.parametrize(
    ("collection", "damage"),
    [
        ("apps", {"$set": {"document": 5}}),
        ("apps", {"$unset": {"changes": ""}}),
        ("workspaces", {"$set": {"document": b"{"}}),
        ("workspaces", {"$set": {"version": "1"}}),
    ],
)
async def test_a_damaged_document_is_told_as_a_fault_of_the_store(
    filled: StoreUrl, inside: Inside, collection: str, damage: dict[str, Any]
) -> None:
    await inside.does(lambda db: db[collection].update_one({}, damage))
    async with opened(filled) as store:
        with pytest.raises(StoreError, match="a document in the store is damaged"):
            await store.load()


async def test_a_damaged_proof_is_told_as_a_fault_of_the_store(filled: StoreUrl, inside: Inside) -> None:
    await inside.does(lambda db: db["proofs"].insert_one({"_id": "f1", "at": "noon"}))
    async with opened(filled) as store:
        with pytest.raises(StoreError, match="a document in the store is damaged"):
            await store.page(Proof, None, 1)


async def test_a_damaged_delivery_is_told_as_a_fault_of_the_store(filled: StoreUrl, inside: Inside) -> None:
    await inside.does(lambda db: db["deliveries"].insert_one({"_id": "d1", "at": "noon"}))
    async with opened(filled) as store:
        with pytest.raises(StoreError, match="a document in the store is damaged"):
            await store.deliveries(DeliveryQuery(), None, 1)


@pytest.mark.parametrize("damage", [{}, {"token": 5}, {"last_seen": "noon"}])
async def test_a_damaged_device_is_told_as_a_fault_of_the_store(
    filled: StoreUrl, inside: Inside, damage: dict[str, object]
) -> None:
    await inside.does(lambda db: db["devices"].insert_one({"_id": "d1", "token": VAULT.encrypt(b"t"), **damage}))
    async with opened(filled) as store:
        with pytest.raises(StoreError, match="a document in the store is damaged"):
            await store.devices.get("d1")


async def test_a_damaged_meta_document_is_told(filled: StoreUrl, inside: Inside) -> None:
    await inside.does(lambda db: db["meta"].update_one({}, {"$unset": {"seal": ""}}))
    with pytest.raises(StoreError, match=r"damaged: .*`seal`"):
        await MongoStore.open(filled, VAULT)


async def test_what_mongodb_cannot_hold_is_a_fault_of_the_store(mongo_url: StoreUrl) -> None:
    async with opened(mongo_url) as store:
        for app in (structs.replace(APP, name="\udc80"), structs.replace(APP, version=2**63 - 1)):
            with pytest.raises(StoreError):
                await store.put_app(app)
        assert (await store.load()).apps == ()


async def test_what_looks_like_an_operator_is_text(mongo_url: StoreUrl) -> None:
    async with opened(mongo_url) as store:
        first = await store.put_app(structs.replace(APP, id="$gt", name="$where"))
        second = await store.put_app(structs.replace(APP, id="a", name="$ne"))
        await store.remove_app("$ne")
        assert set((await store.load()).apps) == {first, second}
        assert await store.page(App, "$gt", 9) == [second]


async def test_what_was_removed_can_be_added_again_and_every_change_counts(mongo_url: StoreUrl) -> None:
    async with opened(mongo_url) as store:
        start = await store.revision()
        for _ in range(3):
            assert (await store.put_app(APP)).version == 1
            await store.remove_app(APP.id)
        assert await store.revision() == start + 6


async def test_of_what_was_removed_nothing_but_its_id_and_a_count_is_left(filled: StoreUrl, inside: Inside) -> None:
    async with opened(filled) as store:
        await store.remove_workspace(WORKSPACE.id)
        assert await store.page(Workspace, None, 9) == []
    (left,) = (await inside.everything())["workspaces"]
    assert left == {"_id": WORKSPACE.id, "version": 0, "changes": 2, "name": {"removed": WORKSPACE.id}}


async def test_a_load_that_has_the_last_revision_has_every_change(mongo_url: StoreUrl) -> None:
    async with opened(mongo_url) as reader, opened(mongo_url) as writer:
        apps = [structs.replace(APP, id=f"app-{number}", name=f"Chat {number}") for number in range(30)]
        shops = [structs.replace(WORKSPACE, id=f"w-{number}", name=f"Ltd {number}") for number in range(30)]
        writing = asyncio.gather(*map(writer.put_app, apps), *map(writer.put_workspace, shops))
        loads = []
        while not writing.done():
            loads.append(await reader.load())
        await writing
        final = await reader.load()
        assert len(final.apps) + len(final.workspaces) == 60
        assert all(load == final for load in loads if load.revision == final.revision)
        assert all(load.revision == 1 + len(load.apps) + len(load.workspaces) for load in loads)


async def nothing(_: bytes) -> None:
    """Let everything pass."""


@asynccontextmanager
async def overheard(
    url: StoreUrl, meddle: Callable[[bytes], Awaitable[None]] = nothing
) -> AsyncIterator[tuple[StoreUrl, bytearray]]:
    """Stand before the server, write down what it is asked, and do something before it hears it."""
    asked, (host, _, port) = bytearray(), url.reveal().split("/")[2].partition(":")
    connections: list[asyncio.Task[None]] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, notes: bytearray) -> None:
        with suppress(ConnectionError):
            while some := await reader.read(65_536):
                notes += some
                await (meddle if notes is asked else nothing)(some)
                writer.write(some)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(host, int(port))
        connections.append(asyncio.create_task(relay(reader, forth, asked)))
        connections.append(asyncio.create_task(relay(back, writer, bytearray())))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as door:
        here = "{}:{}".format(*door.sockets[0].getsockname())
        yield StoreUrl(url.reveal().replace(f"{host}:{port}", here, 1)), asked
    await asyncio.gather(*connections)


MAJORITY_ON_DISK = bson.encode({"writeConcern": {"j": True, "w": "majority"}})[4:-1]
MAJORITY_READ = bson.encode({"readConcern": {"level": "majority"}})[4:-1]


@pytest.mark.skipif("MONGODB_URL" in os.environ, reason="the server of MONGODB_URL may have several members")
async def test_writes_wait_for_most_members_disks_and_nothing_is_read_that_may_be_rolled_back(
    mongo_url: StoreUrl,
) -> None:
    async with overheard(mongo_url) as (url, asked), opened(url) as store:
        for use in (
            lambda: store.put_app(APP),
            lambda: store.remove_app(APP.id),
            lambda: store.add_proof("f1", 1.0),
            lambda: store.add([WORKSPACE]),
        ):
            asked.clear()
            await use()
            assert MAJORITY_ON_DISK in asked
        for read in (store.revision, store.load, lambda: store.page(App, None, 1)):
            asked.clear()
            await read()
            assert asked.count(MAJORITY_READ) == asked.count(b"maxTimeMS") > 0


@pytest.mark.skipif("MONGODB_URL" in os.environ, reason="the server of MONGODB_URL may have several members")
async def test_what_the_url_says_goes_before(mongo_url: StoreUrl) -> None:
    async with overheard(mongo_url) as (url, asked), opened(StoreUrl(f"{url.reveal()}?w=1&journal=false")) as store:
        await store.put_app(APP)
        assert MAJORITY_ON_DISK not in asked


READ_WORKSPACES = bson.encode({"find": "workspaces"})[4:-1]


@pytest.mark.skipif("MONGODB_URL" in os.environ, reason="the server of MONGODB_URL may have several members")
async def test_a_load_amid_changes_of_several_documents_is_of_one_moment(mongo_url: StoreUrl) -> None:
    async with opened(mongo_url) as writer:
        is_due = asyncio.Event()

        async def change(asked: bytes) -> None:
            if is_due.is_set() and READ_WORKSPACES in asked:
                is_due.clear()
                await writer.put_app(APP)
                await writer.put_workspace(WORKSPACE)

        async with overheard(mongo_url, change) as (url, _), opened(url) as reader:
            is_due.set()
            loaded = await reader.load()
            assert not is_due.is_set()
        assert loaded == await writer.load()
        assert (len(loaded.apps), len(loaded.workspaces)) == (1, 1)


@pytest.mark.skipif("MONGODB_URL" in os.environ, reason="the server of MONGODB_URL may have several members")
async def test_a_load_amid_changes_without_a_pause_ends_with_a_revision_that_is_not_the_last(
    mongo_url: StoreUrl,
) -> None:
    async with opened(mongo_url) as writer:

        async def change(asked: bytes) -> None:
            if READ_WORKSPACES in asked:
                await writer.remove_app(APP.id)
                await writer.put_app(APP)

        async with overheard(mongo_url, change) as (url, _), opened(url) as reader:
            loaded = await reader.load()
        assert loaded.revision < await writer.revision()


@pytest.mark.skipif("MONGODB_URL" in os.environ, reason="the server of MONGODB_URL may have several members")
async def test_closing_waits_for_a_change_that_the_server_has_not_answered(mongo_url: StoreUrl) -> None:
    is_asked, may_pass = asyncio.Event(), asyncio.Event()

    async def hold(asked: bytes) -> None:
        if bson.encode({"update": "apps"})[4:-1] in asked:
            is_asked.set()
            await may_pass.wait()

    async with overheard(mongo_url, hold) as (url, _), opened(url) as store:
        putting = asyncio.create_task(store.put_app(APP))
        await is_asked.wait()
        closing = asyncio.create_task(store.close())
        assert await asyncio.wait({closing}, timeout=0.2) == (set(), {closing})
        may_pass.set()
        assert (await putting).version == 1
        await closing


class Server:
    """A server that can be killed and started again on its port and data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._running = ExitStack()
        self.url = with_database(f"mongodb://127.0.0.1:{self._port}/", "push", "timeoutMS=1500")

    def start(self) -> None:
        self._running.enter_context(mongo(self._folder, self._port))

    def close(self) -> None:
        self._running.close()


@pytest.fixture
def server(mongo_server: str, tmp_path: Path) -> Iterator[Server]:
    """Skipped with the tests' own server where there is none to start."""
    with closing(Server(tmp_path)) as server:
        yield server


async def test_a_server_that_was_away_is_used_again_by_itself(server: Server) -> None:
    await to_thread(server.start)
    async with opened(server.url) as store, opened(server.url) as other:
        put = await store.put_app(APP)
        await to_thread(server.close)
        uses = (store.revision(), store.load(), other.load(), store.put_workspace(WORKSPACE))
        async with asyncio.timeout(5):
            results = await asyncio.gather(*uses, return_exceptions=True)
        assert {type(result) for result in results} == {StoreError}
        assert all(str(result).startswith(f"no answer from the store {server.url}: ") for result in results)
        await to_thread(server.start)
        assert (await store.load()).apps == (put,)
        assert (await store.put_workspace(WORKSPACE)).version == 1
        assert (await other.load()).revision == await store.revision()


async def test_a_server_that_is_not_there_is_told_at_once_and_without_the_password(server: Server) -> None:
    url = StoreUrl(server.url.reveal().replace("mongodb://", "mongodb://user:refused@"))
    with pytest.raises(StoreError, match=rf"^cannot open the store {server.url}: .* Connection \*\*\*$"):
        await MongoStore.open(url, VAULT)


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://user:hu/sh@127.0.0.1/push",
        "mongodb://user:hu@sh@127.0.0.1/push",
        "mongodb://user:hush%@127.0.0.1/push",
        "mongodb://user:hush@127.0.0.1:port/push",
        "mongodb://user:hush@127.0.0.1/push?w=most&timeoutMS=soon",
        "mongodb://user:hush@127.0.0.1/push?authMechanism=hush",
        "mongodb://user:hush@127.0.0.1/push?tls=true&tlsCAFile=missing.pem",
        "mongodb://user:hush@127.0.0.1/push?nonsense=hush",
        "mongodb://user:hush@/push",
    ],
)
async def test_a_url_that_cannot_be_used_is_told_in_one_line_without_its_password(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        await MongoStore.open(StoreUrl(url + ("&" if "?" in url else "?") + "serverSelectionTimeoutMS=1"), VAULT)
    assert "hu" not in str(caught.value).replace("authMechanism", "")
    assert "\n" not in str(caught.value)
