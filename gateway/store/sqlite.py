"""The embedded store: one SQLite file on a local disk, no set-up."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from gateway.model.app import App
from gateway.model.delivery import Delivery, DeliveryQuery
from gateway.model.errors import StoreError
from gateway.model.workspace import Workspace
from gateway.store import sqlite_deliveries, sqlite_tables
from gateway.store.crypto import Vault
from gateway.store.documents import advanced
from gateway.store.outbox_port import LateVerdictStore, OutboxStore
from gateway.store.port import Contents, Record, RecordT
from gateway.store.sqlite_devices import SqliteDevices
from gateway.store.sqlite_file import migrate_file, open_file
from gateway.store.sqlite_heartbeats import SqliteHeartbeats
from gateway.store.sqlite_late_verdicts import SqliteLateVerdicts
from gateway.store.sqlite_notices import SqliteNotices
from gateway.store.sqlite_outbox import SqliteOutbox
from gateway.store.sqlite_schema import MIGRATIONS, SqliteMigration
from gateway.store.sqlite_sealed import SqliteSealed
from gateway.store.sqlite_usage import SqliteUsage

P = ParamSpec("P")
T = TypeVar("T")


class SqliteStore:
    """Keeps everything in one file; all access goes through one thread of its own.

    Apps hold credentials and the outbox holds messages, so these are encrypted; workspaces hold only hashes.
    """

    def __init__(self, connection: sqlite3.Connection, vault: Vault, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self.vault = vault
        self._thread = thread
        self._closed = False
        self.outbox: OutboxStore = SqliteOutbox(self._run, vault)
        self.late_verdicts: LateVerdictStore = SqliteLateVerdicts(self._run)
        self.devices = SqliteDevices(self._run, vault)
        self.heartbeats = SqliteHeartbeats(self._run)
        self.notices = SqliteNotices(self._run)
        self.usage = SqliteUsage(self._run)
        self.sealed = SqliteSealed(self._run)

    @classmethod
    async def open(
        cls,
        path: Path,
        vault: Callable[[bool], Vault],
        may_make: bool = True,
        migrations: Sequence[SqliteMigration] = MIGRATIONS,
    ) -> "SqliteStore":
        """Open the file, or make it (folder 0700, file 0600).

        Args:
            path: the file; its folder is made too.
            vault: gives the keys; told whether the store is new, so that keys may be made for it.
            may_make: whether a file that is not there is made.
            migrations: what leads to the schema that is wanted.

        Raises:
            StoreError: the file cannot be made, opened or read.
            StoreKeyError: it was written under other keys.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        try:
            opening = asyncio.get_running_loop().run_in_executor(thread, open_file, path, vault, may_make, migrations)
            with _opening(path):
                connection, keys = await opening
        except StoreError:
            thread.shutdown(wait=False)
            raise
        return cls(connection, keys, thread)

    @classmethod
    async def migrate(
        cls, path: Path, vault: Callable[[bool], Vault], migrations: Sequence[SqliteMigration] = MIGRATIONS
    ) -> list[str]:
        """Bring the file, made where it is not there, to the newest schema; return what was done.

        Raises:
            StoreError: as for `open`.
        """
        with _opening(path):
            return await asyncio.to_thread(migrate_file, path, vault, migrations)

    async def revision(self) -> int:
        """Return the number of the last change."""
        return await self._run(sqlite_tables.revision)

    async def load(self) -> Contents:
        """Read everything in one transaction."""
        return await self._run(sqlite_tables.load, self.vault)

    async def put_app(self, app: App) -> App:
        """Add or replace an app; its document is encrypted."""
        newer = advanced(app)
        await self._run(sqlite_tables.put, newer, self.vault)
        return newer

    async def remove_app(self, app_id: str) -> None:
        """Forget an app."""
        await self._run(sqlite_tables.remove, App, app_id)

    async def put_workspace(self, workspace: Workspace) -> Workspace:
        """Add or replace a workspace."""
        newer = advanced(workspace)
        await self._run(sqlite_tables.put, newer, self.vault)
        return newer

    async def remove_workspace(self, workspace_id: str) -> None:
        """Forget a workspace."""
        await self._run(sqlite_tables.remove, Workspace, workspace_id)

    async def add_proof(self, fingerprint: str, at: float) -> None:
        """Remember that these credentials have delivered."""
        await self._run(sqlite_tables.add_proof, fingerprint, at)

    async def page(self, kind: type[RecordT], after: str | None, limit: int) -> list[RecordT]:
        """Read some records of a kind."""
        return await self._run(sqlite_tables.page, self.vault, kind, after, limit)

    async def add(self, records: Sequence[Record]) -> None:
        """Add records, all of them or none."""
        await self._run(sqlite_tables.add, records, self.vault)

    async def deliveries(self, wanted: DeliveryQuery, after: Delivery | None, limit: int) -> list[Delivery]:
        """Read the delivery log."""
        return await self._run(sqlite_deliveries.find, wanted, after, limit)

    async def remove_deliveries(self, before: float, limit: int) -> int:
        """Forget the oldest deliveries."""
        return await self._run(sqlite_deliveries.remove, before, limit)

    async def delivered(self, key: str, since: float) -> str | None:
        """Return the id of a push with this key that was delivered."""
        return await self._run(sqlite_deliveries.delivered, key, since)

    async def close(self) -> None:
        """Close the file once what is under way is done; harmless when it is closed already."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
            self._thread.shutdown(wait=False)

    async def _run(self, step: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        def run() -> T:
            return step(self._connection, *args, **kwargs)

        if self._closed:
            raise StoreError("the store is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except sqlite3.Error as error:
            raise StoreError(f"the store does not answer: {error}") from error


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot open the store {path}: {error}") from None
