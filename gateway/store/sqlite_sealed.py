"""What lies encrypted in the SQLite file. Its place is the row."""

import sqlite3
from collections.abc import Sequence

from gateway.store.sealed_port import SEAL, SEALED_FIELDS, Resealed, Sealed, SealedField
from gateway.store.sqlite_file import Run, transaction

_FIELDS = {SEAL: SealedField("meta", "value"), **SEALED_FIELDS}


class SqliteSealed:
    """All BLOBs of the columns that hold encrypted things."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def count(self, kind: str) -> int:
        """Count the rows."""
        return await self._run(_count, _FIELDS[kind])

    async def page(self, kind: str, after: Sealed | None, limit: int) -> list[Sealed]:
        """Read the rows that come next."""
        return await self._run(_page, _FIELDS[kind], after.place if after else None, limit)

    async def replace(self, kind: str, things: Sequence[Resealed]) -> None:
        """Write all of them in one short transaction."""
        await self._run(_replace, _FIELDS[kind], things)


def _count(connection: sqlite3.Connection, field: SealedField) -> int:
    query = f"SELECT count(*) FROM {field.table} WHERE typeof({field.column}) = 'blob'"  # noqa: S608 - our own names
    count: int = connection.execute(query).fetchone()[0]
    return count


def _page(connection: sqlite3.Connection, field: SealedField, after: int | None, limit: int) -> list[Sealed]:
    query = (
        f"SELECT rowid, {field.column} FROM {field.table} "  # noqa: S608 - our own names
        f"WHERE typeof({field.column}) = 'blob' AND (?1 IS NULL OR rowid > ?1) ORDER BY rowid LIMIT ?2"
    )
    return [Sealed(place, content) for place, content in connection.execute(query, (after, limit))]


def _replace(connection: sqlite3.Connection, field: SealedField, things: Sequence[Resealed]) -> None:
    update = f"UPDATE {field.table} SET {field.column} = ? WHERE rowid = ? AND {field.column} = ?"  # noqa: S608
    with transaction(connection):
        connection.executemany(update, [(one.content, one.found.place, one.found.content) for one in things])
