"""The outbox in the SQLite file."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.model.outbox import Claim, Lane, OutboxCount, OutboxItem, Postponement
from gateway.store import outbox_items
from gateway.store.crypto import Vault
from gateway.store.outbox_items import UNREADABLE_SECONDS, OutboxItemT, Queue, flat, readable, shares
from gateway.store.sqlite_file import Run, transaction

Row = Mapping[str, Any]

_FIELDS = (
    *("id", "key", "workspace", "app", "provider", "line", "device", "received_at", "expires_at", "due_at"),
    *("attempts", "reason", "owner", "leased_until", "notification"),
)
_COLUMNS = ", ".join(_FIELDS)
_GIVEN = "(SELECT value FROM json_each(?))"
"""Any number of words as one parameter."""
_PUT = (
    f"INSERT INTO outbox ({_COLUMNS}) VALUES ({', '.join(f':{field}' for field in _FIELDS)}) "  # noqa: S608 - ours
    "ON CONFLICT (id) DO NOTHING"
)
PAGE_OF_ITEMS = f"SELECT {_COLUMNS} FROM outbox WHERE ?1 IS NULL OR id > ?1 ORDER BY id LIMIT ?2"  # noqa: S608 - ours
"""By key."""
_QUEUES = """
WITH RECURSIVE queue (soonest) AS (
    SELECT (SELECT rowid FROM outbox WHERE is_first ORDER BY workspace, app, provider, free_at LIMIT 1)
    UNION ALL
    SELECT (SELECT next.rowid FROM outbox AS this CROSS JOIN outbox AS next WHERE this.rowid = soonest AND next.is_first
        AND (next.workspace, next.app, next.provider) > (+this.workspace, +this.app, +this.provider)
        ORDER BY next.workspace, next.app, next.provider, next.free_at LIMIT 1)
    FROM queue WHERE soonest IS NOT NULL)
SELECT workspace, app, provider FROM queue JOIN outbox ON rowid = soonest WHERE free_at <= ?
"""
"""From the soonest item of one queue to that of the next; without the `+` SQLite would read all those between."""
_DUE = (
    "SELECT rowid FROM outbox WHERE is_first AND workspace = ? AND app = ? AND provider = ? AND free_at <= ? "
    "ORDER BY free_at LIMIT ?"
)
_EXPIRED = "SELECT rowid FROM outbox WHERE expires_at <= ?1 AND leased_until <= ?1 ORDER BY expires_at LIMIT ?2"
_LEASE = f"UPDATE outbox SET owner = ?, leased_until = ? WHERE rowid IN {_GIVEN} RETURNING {_COLUMNS}"  # noqa: S608
_LEAVE_ALONE = f"UPDATE outbox SET leased_until = ? WHERE id IN {_GIVEN}"  # noqa: S608
_RENEW = f"UPDATE outbox SET leased_until = max(leased_until, ?) WHERE owner = ? AND id IN {_GIVEN}"  # noqa: S608
_POSTPONE = (
    "UPDATE outbox SET due_at = ?, attempts = ?, reason = ?, owner = NULL, leased_until = 0 WHERE id = ? AND owner = ?"
)
_HASTEN = "UPDATE outbox SET due_at = ?1 WHERE app = ?2 AND provider = ?3 AND due_at > ?1 AND leased_until <= ?1"
_FINISH = f"DELETE FROM outbox WHERE id IN {_GIVEN}"  # noqa: S608
_COUNT = "SELECT workspace, count(*), min(received_at) FROM outbox GROUP BY workspace"
_COUNT_BY_APP = "SELECT app, count(*) FROM outbox GROUP BY app"
_LINES = "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM outbox WHERE line = value)"
_ALL_LINES = "SELECT line FROM outbox WHERE is_first"
_FIND = "SELECT id FROM outbox WHERE key = ? LIMIT 1"


class SqliteOutbox:
    """Pushes that are owed."""

    def __init__(self, run: Run, vault: Vault) -> None:
        self._run = run
        self._vault = vault

    async def put(self, items: Sequence[OutboxItem]) -> None:
        """Add items, all of them or none."""
        await self._run(_put, self._vault, items)

    async def claim(self, claim: Claim) -> list[OutboxItem]:
        """Lease items that are due, each the first of its line."""
        return await self._run(_claim, self._vault, claim)

    async def claim_expired(self, claim: Claim) -> list[OutboxItem]:
        """Lease items that are of no use any more."""
        return await self._run(_claim_expired, self._vault, claim)

    async def renew(self, owner: str, ids: Collection[str], until: float) -> None:
        """Prolong leases."""
        await self._run(_change, _RENEW, [(until, owner, _list(ids))])

    async def postpone(self, owner: str, postponements: Sequence[Postponement]) -> None:
        """Give items back, all of them or none."""
        await self._run(
            _change, _POSTPONE, [(one.due_at, one.attempts, one.reason, one.id, owner) for one in postponements]
        )

    async def hasten(self, lane: Lane, now: float) -> None:
        """Let what is free be due now."""
        await self._run(_change, _HASTEN, [(now, lane.app, lane.provider)])

    async def finish(self, ids: Collection[str]) -> None:
        """Remove items."""
        await self._run(_change, _FINISH, [(_list(ids),)])

    async def count(self) -> OutboxCount:
        """Count the items of every workspace."""
        return await self._run(_count)

    async def lines(self, among: Collection[str] | None) -> set[str]:
        """Return the lines in which items wait."""
        return await self._run(_lines, among)

    async def find(self, key: str) -> str | None:
        """Return the id of an item with this key."""
        return await self._run(_find, key)


def _list(words: Collection[object]) -> str:
    return msgspec.json.encode([*words]).decode()


def keep(connection: sqlite3.Connection, vault: Vault, item: OutboxItem) -> None:
    """Insert one that is not there yet, in the transaction around it."""
    connection.execute(_PUT, flat(item, vault))


def _put(connection: sqlite3.Connection, vault: Vault, items: Sequence[OutboxItem]) -> None:
    rows = [flat(item, vault) for item in items]
    with transaction(connection):
        connection.executemany(_PUT, rows)


def item_of(row: tuple[Any, ...], kind: type[OutboxItemT], vault: Vault) -> OutboxItemT:
    """Read a row of all columns."""
    return outbox_items.item_of(_named(row), kind, vault)


def _named(row: tuple[Any, ...]) -> Row:
    return dict(zip(_FIELDS, row, strict=True))


def _claim(connection: sqlite3.Connection, vault: Vault, claim: Claim) -> list[OutboxItem]:
    with transaction(connection):
        rows = [*_take(connection, claim)]
    items, unreadable = readable(rows, vault)
    if unreadable:
        _change(connection, _LEAVE_ALONE, [(claim.now + UNREADABLE_SECONDS, _list(unreadable))])
    return items


def _take(connection: sqlite3.Connection, claim: Claim) -> Iterator[Row]:
    """Lease until the limit is reached or nothing is left."""
    left = claim.limit
    while left and (shared := shares(_queues(connection, claim), left)):
        due = [row for queue, share in shared.items() for row in _due(connection, queue, claim.now, share)]
        yield from _lease(connection, claim, due)
        left -= len(due)


def _queues(connection: sqlite3.Connection, claim: Claim) -> list[Queue]:
    queues = [Queue(*row) for row in connection.execute(_QUEUES, (claim.now,))]
    return [queue for queue in queues if claim.takes(queue.workspace, queue.lane)]


def _due(connection: sqlite3.Connection, queue: Queue, now: float, share: int) -> list[int]:
    return [row for (row,) in connection.execute(_DUE, (*queue, now, share))]


def _lease(connection: sqlite3.Connection, claim: Claim, rows: Sequence[int]) -> list[Row]:
    return [_named(row) for row in connection.execute(_LEASE, (claim.owner, claim.until, _list(rows)))]


def _claim_expired(connection: sqlite3.Connection, vault: Vault, claim: Claim) -> list[OutboxItem]:
    with transaction(connection):
        expired = [row for (row,) in connection.execute(_EXPIRED, (claim.now, claim.limit))]
        rows = _lease(connection, claim, expired)
    items, unreadable = readable(rows, vault)
    if unreadable:
        _change(connection, _FINISH, [(_list(unreadable),)])
    return items


def _change(connection: sqlite3.Connection, statement: str, changes: Sequence[tuple[object, ...]]) -> None:
    with transaction(connection):
        connection.executemany(statement, changes)


def _count(connection: sqlite3.Connection) -> OutboxCount:
    found = connection.execute(_COUNT).fetchall()
    oldest = min((at for *_, at in found), default=None)
    by_app = dict(connection.execute(_COUNT_BY_APP).fetchall())
    return OutboxCount({workspace: count for workspace, count, _ in found}, oldest, by_app)


def _lines(connection: sqlite3.Connection, among: Collection[str] | None) -> set[str]:
    found = connection.execute(_ALL_LINES) if among is None else connection.execute(_LINES, (_list(among),))
    return {line for (line,) in found}


def _find(connection: sqlite3.Connection, key: str) -> str | None:
    found = connection.execute(_FIND, (key,)).fetchone()
    return found[0] if found else None
