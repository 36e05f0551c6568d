"""The tables of the SQLite file: what each step of the store reads and writes."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from gateway.model.app import App
from gateway.model.delivery import Delivery
from gateway.model.device import Device
from gateway.model.notice import Notice
from gateway.model.outbox import LateVerdict, OutboxItem
from gateway.model.usage import Usage
from gateway.model.workspace import Workspace
from gateway.store import (
    sqlite_deliveries,
    sqlite_devices,
    sqlite_late_verdicts,
    sqlite_notices,
    sqlite_outbox,
    sqlite_usage,
)
from gateway.store.crypto import Vault
from gateway.store.documents import Document, changed, name_taken, read, written
from gateway.store.port import Contents, Proof, Record, RecordT
from gateway.store.sqlite_file import transaction


def revision(connection: sqlite3.Connection) -> int:
    """Read the number of the last change."""
    revision: int = connection.execute("SELECT value FROM meta WHERE key = 'revision'").fetchone()[0]
    return revision


def _advance_revision(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'revision'")


def load(connection: sqlite3.Connection, vault: Vault) -> Contents:
    """Read everything in one transaction."""
    with transaction(connection, "DEFERRED"):
        apps = connection.execute("SELECT document FROM apps ORDER BY name").fetchall()
        workspaces = connection.execute("SELECT document FROM workspaces ORDER BY name").fetchall()
        proofs = connection.execute("SELECT fingerprint FROM proofs").fetchall()
        number = revision(connection)
    return Contents(
        revision=number,
        apps=tuple(read(document, App, vault) for (document,) in apps),
        workspaces=tuple(read(document, Workspace, vault) for (document,) in workspaces),
        proven=frozenset(fingerprint for (fingerprint,) in proofs),
    )


_INSERT: dict[type[Document], str] = {
    App: "INSERT INTO apps (id, name, version, document) VALUES (:id, :name, :version, :document)",
    Workspace: "INSERT INTO workspaces (id, name, version, document) VALUES (:id, :name, :version, :document)",
}
_REPLACE: dict[type[Document], str] = {
    App: "UPDATE apps SET name = :name, version = :version, document = :document "
    "WHERE id = :id AND version = :version - 1",
    Workspace: "UPDATE workspaces SET name = :name, version = :version, document = :document "
    "WHERE id = :id AND version = :version - 1",
}
_REMOVE: dict[type[Document], str] = {
    App: "DELETE FROM apps WHERE id = ?",
    Workspace: "DELETE FROM workspaces WHERE id = ?",
}
_PROVE = "INSERT INTO proofs VALUES (?, ?) ON CONFLICT (fingerprint) DO UPDATE SET at = excluded.at"
_PAGE: dict[type, str] = {
    App: "SELECT document FROM apps WHERE ?1 IS NULL OR id > ?1 ORDER BY id LIMIT ?2",
    Workspace: "SELECT document FROM workspaces WHERE ?1 IS NULL OR id > ?1 ORDER BY id LIMIT ?2",
    Proof: "SELECT fingerprint, at FROM proofs WHERE ?1 IS NULL OR fingerprint > ?1 ORDER BY fingerprint LIMIT ?2",
    Delivery: sqlite_deliveries.PAGE_OF_DELIVERIES,
    OutboxItem: sqlite_outbox.PAGE_OF_ITEMS,
    LateVerdict: sqlite_late_verdicts.PAGE_OF_VERDICTS,
    Device: sqlite_devices.PAGE_OF_DEVICES,
    Notice: sqlite_notices.PAGE_OF_NOTICES,
    Usage: sqlite_usage.PAGE_OF_USAGE,
}
_READ: dict[type, Callable[[tuple[Any, ...], type[Any], Vault], Any]] = {
    App: lambda row, kind, vault: read(row[0], kind, vault),
    Workspace: lambda row, kind, vault: read(row[0], kind, vault),
    Proof: lambda row, kind, vault: kind(*row),
    Delivery: lambda row, kind, vault: sqlite_deliveries.delivery_of(row, kind),
    OutboxItem: sqlite_outbox.item_of,
    LateVerdict: lambda row, kind, vault: sqlite_late_verdicts.verdict_of(row, kind),
    Device: sqlite_devices.device_of,
    Notice: lambda row, kind, vault: sqlite_notices.notice_of(row, kind),
    Usage: lambda row, kind, vault: sqlite_usage.usage_of(row, kind),
}
_ADD: dict[type, Callable[[sqlite3.Connection, Any, Vault], object]] = {
    App: lambda connection, app, vault: _write(connection, _INSERT, app, vault),
    Workspace: lambda connection, workspace, vault: _write(connection, _INSERT, workspace, vault),
    Proof: lambda connection, proof, vault: connection.execute(_PROVE, (proof.fingerprint, proof.at)),
    Delivery: lambda connection, delivery, vault: sqlite_deliveries.keep(connection, delivery),
    OutboxItem: lambda connection, item, vault: sqlite_outbox.keep(connection, vault, item),
    LateVerdict: lambda connection, verdict, vault: sqlite_late_verdicts.keep(connection, verdict),
    Device: sqlite_devices.add,
    Notice: lambda connection, notice, vault: sqlite_notices.keep(connection, notice),
    Usage: lambda connection, usage, vault: sqlite_usage.keep(connection, usage),
}


def put(connection: sqlite3.Connection, newer: Document, vault: Vault) -> None:
    """Insert version 1; replace the version before any other."""
    with transaction(connection):
        _write(connection, _INSERT if newer.version == 1 else _REPLACE, newer, vault)


def _write(
    connection: sqlite3.Connection, statements: dict[type[Document], str], thing: Document, vault: Vault
) -> None:
    row = {"id": thing.id, "name": thing.name, "version": thing.version, "document": written(thing, vault)}
    try:
        if not connection.execute(statements[type(thing)], row).rowcount:
            raise changed(thing)
    except sqlite3.IntegrityError as error:
        raise (name_taken if str(error).endswith(".name") else changed)(thing) from None
    _advance_revision(connection)


def remove(connection: sqlite3.Connection, kind: type[Document], key: str) -> None:
    """Delete what may be there."""
    with transaction(connection):
        connection.execute(_REMOVE[kind], (key,))
        _advance_revision(connection)


def add_proof(connection: sqlite3.Connection, fingerprint: str, at: float) -> None:
    """Insert a proof, or give the one there another time."""
    with transaction(connection):
        connection.execute(_PROVE, (fingerprint, at))


def page(
    connection: sqlite3.Connection, vault: Vault, kind: type[RecordT], after: str | None, limit: int
) -> list[RecordT]:
    """Read the records that come next by key."""
    return [_READ[kind](row, kind, vault) for row in connection.execute(_PAGE[kind], (after, limit))]


def add(connection: sqlite3.Connection, records: Sequence[Record], vault: Vault) -> None:
    """Insert records, all of them or none."""
    with transaction(connection):
        for record in records:
            _ADD[type(record)](connection, record, vault)
