"""The delivery log in the SQLite file."""

import sqlite3
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from gateway.model.delivery import Delivery, DeliveryQuery
from gateway.model.outcome import Delivered
from gateway.store.sqlite_file import transaction

DeliveryT = TypeVar("DeliveryT", bound=Delivery)

_FIELDS = Delivery.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_KEEP = (
    f"INSERT INTO deliveries ({_COLUMNS}) VALUES ({', '.join(f':{field}' for field in _FIELDS)}) "  # noqa: S608 - ours
    "ON CONFLICT (id) DO NOTHING"
)
_REMOVE = "DELETE FROM deliveries WHERE rowid IN (SELECT rowid FROM deliveries WHERE at < ? ORDER BY at LIMIT ?)"
_DELIVERED = "SELECT id FROM deliveries WHERE key = ? AND at >= ? AND outcome = ? ORDER BY at DESC LIMIT 1"
PAGE_OF_DELIVERIES = f"SELECT {_COLUMNS} FROM deliveries WHERE ?1 IS NULL OR id > ?1 ORDER BY id LIMIT ?2"  # noqa: S608 - ours
"""By key."""


def keep(connection: sqlite3.Connection, delivery: Delivery) -> None:
    """Insert one that is not there yet."""
    connection.execute(_KEEP, msgspec.structs.asdict(delivery))


def delivery_of(row: tuple[Any, ...], kind: type[DeliveryT]) -> DeliveryT:
    """Read a row of all columns."""
    return kind(**dict(zip(_FIELDS, row, strict=True)))


def find(connection: sqlite3.Connection, wanted: DeliveryQuery, after: Delivery | None, limit: int) -> list[Delivery]:
    """Read those wanted, in the order of time."""
    conditions = dict(_conditions(wanted, after))
    where = " AND ".join(conditions) or "TRUE"
    order = "ASC" if wanted.oldest_first else "DESC"
    query = f"SELECT {_COLUMNS} FROM deliveries WHERE {where} ORDER BY at {order}, id {order} LIMIT ?"  # noqa: S608
    values = [value for given in conditions.values() for value in given]
    return [delivery_of(row, Delivery) for row in connection.execute(query, (*values, limit))]


def _conditions(wanted: DeliveryQuery, after: Delivery | None) -> Iterator[tuple[str, tuple[object, ...]]]:
    """List conditions with their values: only what is asked for stands in the query, so that an index can answer it."""
    for field, word in wanted.words.items():
        yield f"{field} = ?", (word,)
    if wanted.devices is not None:
        yield "device >= ? AND device < ?", wanted.devices
    if wanted.since is not None:
        yield "at >= ?", (wanted.since,)
    if wanted.until is not None:
        yield "at < ?", (wanted.until,)
    if after is not None:
        yield f"(at, id) {'>' if wanted.oldest_first else '<'} (?, ?)", (after.at, after.id)


def remove(connection: sqlite3.Connection, before: float, limit: int) -> int:
    """Delete the oldest."""
    with transaction(connection):
        return connection.execute(_REMOVE, (before, limit)).rowcount


def delivered(connection: sqlite3.Connection, key: str, since: float) -> str | None:
    """Find one that was delivered."""
    found = connection.execute(_DELIVERED, (key, since, Delivered.label)).fetchone()
    return found[0] if found else None
