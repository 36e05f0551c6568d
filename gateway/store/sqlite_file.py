"""The SQLite file: how it is opened, made, and told from other programs' files."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.model.errors import StoreError
from gateway.store.crypto import Vault
from gateway.store.schema import check_schema, newest, pending
from gateway.store.sqlite_schema import FIRST, SqliteMigration, execute_all

BUSY_SECONDS = 5.0
"""How long a change waits for another process's."""


def open_file(
    path: Path, vault: Callable[[bool], Vault], may_make: bool, migrations: Sequence[SqliteMigration]
) -> tuple[sqlite3.Connection, Vault]:
    """Open the file, or make it (folder 0700, file 0600), and check that it is ours and these are its keys.

    Raises:
        StoreError: it is another program's, of another schema, or not there and `may_make` is false.
        StoreKeyError: it was written under other keys.
        OSError, sqlite3.Error: it cannot be opened.
    """
    with _opened(path, vault, may_make, migrations) as (connection, keys):
        check_schema(_schema(connection), migrations)
        return connection, keys


def migrate_file(path: Path, vault: Callable[[bool], Vault], migrations: Sequence[SqliteMigration]) -> list[str]:
    """Bring the file to the newest schema, each migration wholly or not at all; return what was done.

    Raises:
        StoreError, OSError, sqlite3.Error: as for `open_file`.
    """
    with _opened(path, vault, True, migrations) as (connection, _), closing(connection):
        done = []
        while step := _migrate_once(connection, migrations):
            done.append(step)
        return done


def _migrate_once(connection: sqlite3.Connection, migrations: Sequence[SqliteMigration]) -> str | None:
    with transaction(connection):
        found = _schema(connection)
        if not (steps := pending(found, migrations)):
            return None
        steps[0].run(connection)
        connection.execute(f"PRAGMA user_version = {found + 1:d}")
        return steps[0].does


@contextmanager
def _opened(
    path: Path, vault: Callable[[bool], Vault], may_make: bool, migrations: Sequence[SqliteMigration]
) -> Iterator[tuple[sqlite3.Connection, Vault]]:
    """Open or make the file; it is closed again if the block fails."""
    is_new = not path.exists() or path.stat().st_size == 0
    if is_new and not may_make:
        raise StoreError(f"there is no store at {path}; check the path, which begins where the command is run")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _check_whose(connection)
        keys = vault(is_new)
        _prepare(connection, keys, migrations)
        yield connection, keys
    except BaseException:
        connection.close()
        raise


def _check_whose(connection: sqlite3.Connection) -> None:
    """Look before anything is written: a database that is not empty and has no schema number is not ours."""
    has_tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if has_tables and not _schema(connection):
        raise StoreError("the file is another program's database; name one of the gateway's own in store.url")


def _schema(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _prepare(connection: sqlite3.Connection, vault: Vault, migrations: Sequence[SqliteMigration]) -> None:
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    with transaction(connection):
        if not _schema(connection):
            _create(connection, vault, migrations)
        pending(_schema(connection), migrations)
    vault.verify(connection.execute("SELECT value FROM meta WHERE key = 'seal'").fetchone()[0])


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on; SQLite itself does not wait for another that is just doing the same."""
    give_up_at = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up_at:
                raise
            time.sleep(0.01)
        else:
            return


def _create(connection: sqlite3.Connection, vault: Vault, migrations: Sequence[SqliteMigration]) -> None:
    execute_all(connection, FIRST)
    connection.execute("INSERT INTO meta VALUES ('seal', ?)", (vault.seal(),))
    for migration in migrations:
        migration.run(connection)
    connection.execute(f"PRAGMA user_version = {newest(migrations):d}")


@contextmanager
def transaction(connection: sqlite3.Connection, mode: str = "IMMEDIATE") -> Iterator[None]:
    """Everything or nothing; IMMEDIATE, so that two writers wait for each other instead of failing half-way."""
    connection.execute(f"BEGIN {mode}")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
