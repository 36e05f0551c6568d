"""The heartbeats in the SQLite file."""

import sqlite3

import msgspec

from gateway.model.heartbeat import Heartbeat
from gateway.store.documents import damaged, readable
from gateway.store.sqlite_file import Run

_BEAT = (
    "INSERT INTO heartbeats VALUES (?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET at = excluded.at, document = excluded.document"
)


class SqliteHeartbeats:
    """The last heartbeat of every gateway, as JSON."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def beat(self, heartbeat: Heartbeat) -> None:
        """Insert or replace."""
        await self._run(_execute, _BEAT, heartbeat.id, heartbeat.at, msgspec.json.encode(heartbeat).decode())

    async def since(self, at: float) -> list[Heartbeat]:
        """Read those of a time or later."""
        heartbeats, unreadable = await self._run(_since, at)
        for gateway in unreadable:
            await self.leave(gateway)
        return sorted(heartbeats, key=lambda one: (one.host, one.started_at, one.id))

    async def remove(self, before: float) -> None:
        """Delete the outdated."""
        await self._run(_execute, "DELETE FROM heartbeats WHERE at < ?", before)

    async def leave(self, gateway: str) -> None:
        """Delete one."""
        await self._run(_execute, "DELETE FROM heartbeats WHERE id = ?", gateway)


def _execute(connection: sqlite3.Connection, statement: str, *values: object) -> None:
    connection.execute(statement, values)


def _since(connection: sqlite3.Connection, at: float) -> tuple[list[Heartbeat], list[str]]:
    rows = connection.execute("SELECT id, document FROM heartbeats WHERE at >= ?", (at,)).fetchall()
    return readable(rows, _read, "heartbeat_unreadable")


def _read(document: str) -> Heartbeat:
    try:
        return msgspec.json.decode(document, type=Heartbeat)
    except msgspec.DecodeError as error:
        raise damaged(error) from None
