"""The embedded store: one SQLite file on a local disk, no set-up."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import msgspec

from gateway.model.app import App
from gateway.model.errors import Changed, NameTaken, StoreError
from gateway.model.workspace import Workspace
from gateway.store.crypto import Vault
from gateway.store.port import Contents
from gateway.store.sqlite_file import open_file, transaction

P = ParamSpec("P")
T = TypeVar("T")


class SqliteStore:
    """Keeps everything in one file; all access goes through one thread of its own.

    Apps hold credentials, so their documents are encrypted; workspaces hold only hashes.
    """

    def __init__(self, connection: sqlite3.Connection, vault: Vault, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self.vault = vault
        self._thread = thread
        self._closed = False

    @classmethod
    async def open(cls, path: Path, vault: Callable[[bool], Vault]) -> "SqliteStore":
        """Open the file, or make it (folder 0700, file 0600).

        Args:
            path: the file; its folder is made too.
            vault: gives the keys; told whether the store is new, so that keys may be made for it.

        Raises:
            StoreError: the file cannot be made, opened or read.
            StoreKeyError: it was written under other keys.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        try:
            connection, keys = await asyncio.get_running_loop().run_in_executor(thread, open_file, path, vault)
        except (OSError, sqlite3.Error) as error:
            thread.shutdown(wait=False)
            raise StoreError(f"cannot open the store {path}: {error}") from None
        except StoreError:
            thread.shutdown(wait=False)
            raise
        return cls(connection, keys, thread)

    async def revision(self) -> int:
        """Return the number of the last change."""
        return await self._run(_revision)

    async def load(self) -> Contents:
        """Read everything in one transaction."""
        return await self._run(_load, self.vault)

    async def put_app(self, app: App) -> App:
        """Add or replace an app; its document is encrypted."""
        newer = msgspec.structs.replace(app, version=app.version + 1)
        await self._run(_put, "apps", newer, self.vault.encrypt(msgspec.json.encode(newer)))
        return newer

    async def remove_app(self, app_id: str) -> None:
        """Forget an app."""
        await self._run(_remove, "apps", app_id)

    async def put_workspace(self, workspace: Workspace) -> Workspace:
        """Add or replace a workspace."""
        newer = msgspec.structs.replace(workspace, version=workspace.version + 1)
        await self._run(_put, "workspaces", newer, msgspec.json.encode(newer))
        return newer

    async def remove_workspace(self, workspace_id: str) -> None:
        """Forget a workspace."""
        await self._run(_remove, "workspaces", workspace_id)

    async def add_proof(self, fingerprint: str, at: float) -> None:
        """Remember that these credentials have delivered."""
        await self._run(_add_proof, fingerprint, at)

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


def _revision(connection: sqlite3.Connection) -> int:
    revision: int = connection.execute("SELECT value FROM meta WHERE key = 'revision'").fetchone()[0]
    return revision


def _advance_revision(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'revision'")


def _load(connection: sqlite3.Connection, vault: Vault) -> Contents:
    with transaction(connection, "DEFERRED"):
        apps = connection.execute("SELECT document FROM apps ORDER BY name").fetchall()
        workspaces = connection.execute("SELECT document FROM workspaces ORDER BY name").fetchall()
        proofs = connection.execute("SELECT fingerprint FROM proofs").fetchall()
        revision = _revision(connection)
    try:
        return Contents(
            revision=revision,
            apps=tuple(msgspec.json.decode(vault.decrypt(document), type=App) for (document,) in apps),
            workspaces=tuple(msgspec.json.decode(document, type=Workspace) for (document,) in workspaces),
            proven=frozenset(fingerprint for (fingerprint,) in proofs),
        )
    except msgspec.DecodeError as error:
        raise StoreError(f"a document in the store is damaged: {error}; put the store back from your backup") from None


_INSERT = {
    "apps": "INSERT INTO apps (id, name, version, document) VALUES (:id, :name, :version, :document)",
    "workspaces": "INSERT INTO workspaces (id, name, version, document) VALUES (:id, :name, :version, :document)",
}
_REPLACE = {
    "apps": "UPDATE apps SET name = :name, version = :version, document = :document "
    "WHERE id = :id AND version = :version - 1",
    "workspaces": "UPDATE workspaces SET name = :name, version = :version, document = :document "
    "WHERE id = :id AND version = :version - 1",
}
_REMOVE = {"apps": "DELETE FROM apps WHERE id = ?", "workspaces": "DELETE FROM workspaces WHERE id = ?"}


def _changed(newer: App | Workspace) -> Changed:
    return Changed(f"{newer.name!r} was changed by somebody else at the same moment; try again")


def _put(connection: sqlite3.Connection, table: str, newer: App | Workspace, document: bytes) -> None:
    row = {"id": newer.id, "name": newer.name, "version": newer.version, "document": document}
    statement = (_INSERT if newer.version == 1 else _REPLACE)[table]
    try:
        with transaction(connection):
            if not connection.execute(statement, row).rowcount:
                raise _changed(newer)
            _advance_revision(connection)
    except sqlite3.IntegrityError as error:
        if str(error).endswith(".name"):
            raise NameTaken(f"the name {newer.name!r} is taken; choose another") from None
        raise _changed(newer) from None


def _remove(connection: sqlite3.Connection, table: str, key: str) -> None:
    with transaction(connection):
        connection.execute(_REMOVE[table], (key,))
        _advance_revision(connection)


def _add_proof(connection: sqlite3.Connection, fingerprint: str, at: float) -> None:
    with transaction(connection):
        connection.execute(
            "INSERT INTO proofs VALUES (?, ?) ON CONFLICT (fingerprint) DO UPDATE SET at = excluded.at",
            (fingerprint, at),
        )
