"""The store for any number of gateways: a MongoDB database, by Motor.

Motor's maintainers ended its development in favour of PyMongo's own asynchronous API. No other module imports it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import split_options

from gateway.model.app import App
from gateway.model.delivery import Delivery, DeliveryQuery
from gateway.model.errors import StoreError
from gateway.model.store_url import StoreUrl
from gateway.model.workspace import Workspace
from gateway.store import mongo_collections, mongo_deliveries
from gateway.store.crypto import Vault
from gateway.store.documents import advanced
from gateway.store.mongo_database import MIGRATIONS, Database, MongoMigration, migrate, prepare
from gateway.store.mongo_devices import MongoDevices
from gateway.store.mongo_heartbeats import MongoHeartbeats
from gateway.store.mongo_late_verdicts import MongoLateVerdicts
from gateway.store.mongo_notices import MongoNotices
from gateway.store.mongo_outbox import MongoOutbox
from gateway.store.mongo_sealed import MongoSealed
from gateway.store.mongo_usage import MongoUsage
from gateway.store.outbox_port import LateVerdictStore, OutboxStore
from gateway.store.port import Contents, Record, RecordT

DEFAULT_DATABASE = "push_gateway"
OPTIONS: dict[str, Any] = {
    "appname": "push-gateway",
    "w": "majority",
    "journal": True,
    "readConcernLevel": "majority",
    "readPreference": "primary",
    "timeoutMS": 5000,
}
"""For what the URL leaves open: what was answered is on most members' disks, what is read is never rolled back."""

P = ParamSpec("P")
T = TypeVar("T")
Client = AsyncIOMotorClient[dict[str, Any]]


class MongoStore:
    """Keeps everything in one database; no operation needs a transaction, so a server alone will do."""

    def __init__(self, client: Client, url: StoreUrl, vault: Vault) -> None:
        self._client = client
        self._database: Database = _database(client)
        self._url = url
        self.vault = vault
        self._under_way: set[asyncio.Task[Any]] = set()
        self._closed = False
        self.outbox: OutboxStore = MongoOutbox(self._run, vault)
        self.late_verdicts: LateVerdictStore = MongoLateVerdicts(self._run)
        self.devices = MongoDevices(self._run, vault)
        self.heartbeats = MongoHeartbeats(self._run)
        self.notices = MongoNotices(self._run)
        self.usage = MongoUsage(self._run)
        self.sealed = MongoSealed(self._run)

    @classmethod
    async def open(
        cls, url: StoreUrl, vault: Vault, may_make: bool = True, migrations: Sequence[MongoMigration] = MIGRATIONS
    ) -> "MongoStore":
        """Open the database, or make it.

        Args:
            url: with the database's name behind the host (else `push_gateway`); its options go before ours.
            vault: the keys.
            may_make: whether a database that is empty is made ours.
            migrations: what leads to the schema that is wanted.

        Raises:
            StoreError: it cannot be reached, is another program's or of another schema.
            StoreKeyError: it was written under other keys.
        """
        client = await _connect(url)
        try:
            with _told(url, "cannot open"):
                await prepare(_database(client), vault, may_make, migrations)
        except BaseException:
            await asyncio.to_thread(client.close)
            raise
        return cls(client, url, vault)

    @classmethod
    async def migrate(cls, url: StoreUrl, vault: Vault, migrations: Sequence[MongoMigration] = MIGRATIONS) -> list[str]:
        """Bring the database, made where it is empty, to the newest schema; return what was done.

        Raises:
            StoreError, StoreKeyError: as for `open`.
        """
        client = await _connect(url)
        try:
            with _told(url, "cannot open"):
                return await migrate(_database(client), vault, migrations)
        finally:
            await asyncio.to_thread(client.close)

    async def revision(self) -> int:
        """Return the number of the last change."""
        return await self._run(mongo_collections.revision)

    async def load(self) -> Contents:
        """Read everything, again if it was changed meanwhile."""
        return await self._run(mongo_collections.load, self.vault)

    async def put_app(self, app: App) -> App:
        """Add or replace an app; its document is encrypted."""
        newer = advanced(app)
        await self._run(mongo_collections.put, newer, self.vault)
        return newer

    async def remove_app(self, app_id: str) -> None:
        """Forget an app."""
        await self._run(mongo_collections.remove, App, app_id)

    async def put_workspace(self, workspace: Workspace) -> Workspace:
        """Add or replace a workspace."""
        newer = advanced(workspace)
        await self._run(mongo_collections.put, newer, self.vault)
        return newer

    async def remove_workspace(self, workspace_id: str) -> None:
        """Forget a workspace."""
        await self._run(mongo_collections.remove, Workspace, workspace_id)

    async def add_proof(self, fingerprint: str, at: float) -> None:
        """Remember that these credentials have delivered."""
        await self._run(mongo_collections.add_proof, fingerprint, at)

    async def page(self, kind: type[RecordT], after: str | None, limit: int) -> list[RecordT]:
        """Read some records of a kind."""
        return await self._run(mongo_collections.page, self.vault, kind, after, limit)

    async def add(self, records: Sequence[Record]) -> None:
        """Add records in their order, up to the first that cannot be."""
        await self._run(mongo_collections.add, records, self.vault)

    async def deliveries(self, wanted: DeliveryQuery, after: Delivery | None, limit: int) -> list[Delivery]:
        """Read the delivery log."""
        return await self._run(mongo_deliveries.find, wanted, after, limit)

    async def remove_deliveries(self, before: float, limit: int) -> int:
        """Forget the oldest deliveries."""
        return await self._run(mongo_deliveries.remove, before, limit)

    async def delivered(self, key: str, since: float) -> str | None:
        """Return the id of a push with this key that was delivered."""
        return await self._run(mongo_deliveries.delivered, key, since)

    async def close(self) -> None:
        """Let go of the server once what is under way is done; harmless when that has happened already."""
        self._closed = True
        if self._under_way:
            await asyncio.wait(self._under_way)
        await asyncio.to_thread(self._client.close)

    async def _run(
        self, step: Callable[Concatenate[Database, P], Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self._closed:
            raise StoreError("the store is closed")
        task = asyncio.create_task(step(self._database, *args, **kwargs))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        with _told(self._url, "no answer from"):
            return await task


def _database(client: Client) -> Database:
    return client.get_default_database(DEFAULT_DATABASE)


async def _connect(url: StoreUrl) -> Client:
    """Make the client, which reads certificates and the like; it connects by itself, and again whenever it has to."""
    loop = asyncio.get_running_loop()
    options = {name: value for name, value in OPTIONS.items() if name.lower() not in url.options}

    def connect() -> Client:
        if given := url.reveal().partition("?")[2]:
            split_options(given, warn=False)  # the client itself would pass over a wrong one
        return AsyncIOMotorClient(url.reveal(), io_loop=loop, **options)

    try:
        return await asyncio.to_thread(connect)
    except (PyMongoError, ValueError, TypeError, OSError) as error:
        raise StoreError(
            f"store.url cannot be used: {url.scrub(str(error))}; user and password in it must be percent-encoded"
        ) from None


@contextmanager
def _told(url: StoreUrl, what: str) -> Iterator[None]:
    """Tell the driver's faults as the store's, in one line without the tail that describes the whole topology."""
    try:
        yield
    except (PyMongoError, BSONError, UnicodeError, OverflowError) as error:
        reason = str(error)
        for tail in (", full error:", " (configured timeouts:", ", Timeout:"):
            reason = reason.partition(tail)[0]
        raise StoreError(f"{what} the store {url}: {url.scrub(reason)}") from None
