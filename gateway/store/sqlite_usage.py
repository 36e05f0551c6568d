"""What the workspaces have used, in the SQLite file."""

import sqlite3
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from gateway.model.usage import Usage
from gateway.store.sqlite_file import Run, transaction

UsageT = TypeVar("UsageT", bound=Usage)

_FIELDS = Usage.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_INSERT = f"INSERT INTO usage (id, {_COLUMNS}) VALUES (:id, {', '.join(f':{field}' for field in _FIELDS)})"  # noqa: S608 - ours
_KEEP = f"{_INSERT} ON CONFLICT (id) DO NOTHING"
_COUNT = f"{_INSERT} ON CONFLICT (id) DO UPDATE SET count = count + excluded.count"
PAGE_OF_USAGE = f"SELECT {_COLUMNS} FROM usage WHERE ?1 IS NULL OR id > ?1 ORDER BY id LIMIT ?2"  # noqa: S608 - ours
"""By key."""
_MONTH = f"SELECT {_COLUMNS} FROM usage WHERE month = ? ORDER BY id"  # noqa: S608 - ours


class SqliteUsage:
    """Counts of pushes, a row each."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def count(self, usages: Sequence[Usage]) -> None:
        """Add to what is there, all of it or nothing."""
        await self._run(_count, usages)

    async def month(self, month: str) -> list[Usage]:
        """Read the counts of a month."""
        return await self._run(_month, month)


def keep(connection: sqlite3.Connection, usage: Usage) -> None:
    """Insert one that is not there yet, in the transaction around it."""
    connection.execute(_KEEP, _row(usage))


def usage_of(row: tuple[Any, ...], kind: type[UsageT]) -> UsageT:
    """Read a row of all columns."""
    return kind(**dict(zip(_FIELDS, row, strict=True)))


def _row(usage: Usage) -> dict[str, object]:
    return {"id": usage.id, **msgspec.structs.asdict(usage)}


def _count(connection: sqlite3.Connection, usages: Sequence[Usage]) -> None:
    with transaction(connection):
        connection.executemany(_COUNT, [_row(usage) for usage in usages])


def _month(connection: sqlite3.Connection, month: str) -> list[Usage]:
    return [usage_of(row, Usage) for row in connection.execute(_MONTH, (month,))]
