"""The notices in the SQLite file."""

import sqlite3
from typing import Any, TypeVar

import msgspec

from gateway.model.notice import Notice
from gateway.store.documents import converted, readable
from gateway.store.sqlite_file import Run

NoticeT = TypeVar("NoticeT", bound=Notice)
Row = tuple[Any, ...]

_FIELDS = Notice.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_INSERT = f"INSERT INTO notices (id, {_COLUMNS}) VALUES (:id, {', '.join(f':{field}' for field in _FIELDS)}) "  # noqa: S608 - ours
_KEEP = f"{_INSERT} ON CONFLICT (id) DO NOTHING"
_POST = (
    f"{_INSERT} ON CONFLICT (id) DO UPDATE SET {', '.join(f'{field} = excluded.{field}' for field in _FIELDS)} "
    "WHERE notices.at < :unless_since OR notices.until <= :at"
)
"""Where `unless_since` is NULL the first comparison never holds, and the second where `until` is."""
PAGE_OF_NOTICES = f"SELECT {_COLUMNS} FROM notices WHERE ?1 IS NULL OR id > ?1 ORDER BY id LIMIT ?2"  # noqa: S608 - ours
"""By key."""
_ALL = f"SELECT id, {_COLUMNS} FROM notices ORDER BY id"  # noqa: S608 - ours


class SqliteNotices:
    """What stands, a row each."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def post(self, notice: Notice, unless_since: float | None = None) -> bool:
        """Insert or replace, in one statement."""
        return bool(await self._run(_execute, _POST, {**_row(notice), "unless_since": unless_since}))

    async def withdraw(self, notice_id: str) -> bool:
        """Delete one."""
        return bool(await self._run(_execute, "DELETE FROM notices WHERE id = :id", {"id": notice_id}))

    async def all(self) -> list[Notice]:
        """Read all."""
        notices, unreadable = await self._run(_all)
        for notice_id in unreadable:
            await self.withdraw(notice_id)
        return notices

    async def remove(self, before: float) -> None:
        """Delete the outdated."""
        await self._run(_execute, "DELETE FROM notices WHERE until <= :before", {"before": before})


def keep(connection: sqlite3.Connection, notice: Notice) -> None:
    """Insert one that is not there yet, in the transaction around it."""
    connection.execute(_KEEP, _row(notice))


def notice_of(row: Row, kind: type[NoticeT]) -> NoticeT:
    """Read a row of all columns.

    Raises:
        StoreError: it is damaged.
    """
    return converted(dict(zip(_FIELDS, row, strict=True)), kind)


def _row(notice: Notice) -> dict[str, object]:
    return {"id": notice.id, **msgspec.to_builtins(notice)}


def _execute(connection: sqlite3.Connection, statement: str, values: dict[str, object]) -> int:
    return connection.execute(statement, values).rowcount


def _all(connection: sqlite3.Connection) -> tuple[list[Notice], list[str]]:
    rows = ((row[0], row[1:]) for row in connection.execute(_ALL))
    return readable(rows, lambda row: notice_of(row, Notice), "notice_unreadable")
