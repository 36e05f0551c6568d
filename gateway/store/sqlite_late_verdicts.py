"""Verdicts that were not answered yet, in the SQLite file."""

import sqlite3
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from gateway.model.outbox import LateVerdict
from gateway.store.sqlite_file import transaction
from gateway.store.sqlite_outbox import Run

LateVerdictT = TypeVar("LateVerdictT", bound=LateVerdict)

_FIELDS = LateVerdict.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_PUT = (
    f"INSERT OR REPLACE INTO late_verdicts (id, {_COLUMNS}) "  # noqa: S608 - ours
    f"VALUES (:id, {', '.join(f':{field}' for field in _FIELDS)})"
)
PAGE_OF_VERDICTS = f"SELECT {_COLUMNS} FROM late_verdicts WHERE ?1 IS NULL OR id > ?1 ORDER BY id LIMIT ?2"  # noqa: S608 - ours
"""By key."""
_SINCE = f"SELECT {_COLUMNS} FROM late_verdicts WHERE at >= ? ORDER BY at, id LIMIT ?"  # noqa: S608 - ours
_TAKE = "DELETE FROM late_verdicts WHERE id = ?"
_REMOVE = "DELETE FROM late_verdicts WHERE id IN (SELECT id FROM late_verdicts WHERE at < ? ORDER BY at, id LIMIT ?)"


class SqliteLateVerdicts:
    """Verdicts that were not answered yet."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def put(self, verdicts: Sequence[LateVerdict]) -> None:
        """Add or replace verdicts, all of them or none."""
        await self._run(_put, verdicts)

    async def since(self, at: float, limit: int) -> list[LateVerdict]:
        """Read them in the order of time."""
        return await self._run(_since, at, limit)

    async def take(self, workspace: str, device: str) -> bool:
        """Remove one; tell whether it was there."""
        return bool(await self._run(_delete, _TAKE, (LateVerdict.id_of(workspace, device),)))

    async def remove(self, before: float, limit: int) -> int:
        """Forget the oldest."""
        return await self._run(_delete, _REMOVE, (before, limit))


def keep(connection: sqlite3.Connection, verdict: LateVerdict) -> None:
    """Add or replace one, in the transaction around it."""
    connection.execute(_PUT, {"id": verdict.id, **msgspec.structs.asdict(verdict)})


def verdict_of(row: tuple[Any, ...], kind: type[LateVerdictT]) -> LateVerdictT:
    """Read a row of all columns."""
    return kind(**dict(zip(_FIELDS, row, strict=True)))


def _put(connection: sqlite3.Connection, verdicts: Sequence[LateVerdict]) -> None:
    with transaction(connection):
        for verdict in verdicts:
            keep(connection, verdict)


def _since(connection: sqlite3.Connection, at: float, limit: int) -> list[LateVerdict]:
    return [verdict_of(row, LateVerdict) for row in connection.execute(_SINCE, (at, limit))]


def _delete(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> int:
    with transaction(connection):
        return connection.execute(statement, values).rowcount
