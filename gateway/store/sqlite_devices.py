"""The device registry in the SQLite file."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from gateway.model.device import Device, DeviceQuery, Sighting, after
from gateway.model.secret import Secret
from gateway.store.crypto import Vault
from gateway.store.documents import damaged
from gateway.store.sqlite_file import Run, transaction

DeviceT = TypeVar("DeviceT", bound=Device)

_FIELDS = Device.__struct_fields__
_FACTS = tuple(field for field in _FIELDS if field not in ("id", "token"))
_COLUMNS = ", ".join(_FIELDS)
_ADD = (
    f"INSERT INTO devices ({_COLUMNS}) VALUES ({', '.join(f':{field}' for field in _FIELDS)}) "  # noqa: S608 - ours
    "ON CONFLICT (id) DO NOTHING"
)
_REPLACE = f"UPDATE devices SET {', '.join(f'{field} = :{field}' for field in _FACTS)} WHERE id = :id"  # noqa: S608
_GET = f"SELECT {_COLUMNS} FROM devices WHERE id = ?"  # noqa: S608 - ours
_REMOVE = "DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE last_seen < ? ORDER BY last_seen LIMIT ?)"
PAGE_OF_DEVICES = f"SELECT {_COLUMNS} FROM devices WHERE ?1 IS NULL OR id > ?1 ORDER BY id LIMIT ?2"  # noqa: S608 - ours
"""By key."""


class SqliteDevices:
    """Keeps devices in a table; see DeviceStore."""

    def __init__(self, run: Run, vault: Vault) -> None:
        self._run = run
        self._vault = vault

    async def sight(self, sightings: Sequence[Sighting]) -> None:
        """Merge sightings in one transaction."""
        await self._run(lambda connection: _sight(connection, sightings, self._vault))

    async def get(self, device: str) -> Device | None:
        """Return the device with this id."""
        return await self._run(lambda connection: _get(connection, device, self._vault))

    async def find(self, wanted: DeviceQuery, after: Device | None, limit: int) -> list[Device]:
        """Read devices, the last seen first."""
        return await self._run(lambda connection: _find(connection, wanted, after, limit, self._vault))

    async def forget(self, device: str) -> bool:
        """Remove one."""
        return await self._run(lambda connection: _forget(connection, device))

    async def remove(self, before: float, limit: int) -> int:
        """Forget those not seen for longest."""
        return await self._run(lambda connection: _remove(connection, before, limit))


def add(connection: sqlite3.Connection, device: Device, vault: Vault) -> None:
    """Insert one that is not there yet."""
    token = vault.encrypt(device.token.reveal().encode())
    connection.execute(_ADD, {"id": device.id, "token": token, **_facts(device)})


def device_of(row: tuple[Any, ...], kind: type[DeviceT], vault: Vault) -> DeviceT:
    """Read a row of all columns.

    Raises:
        StoreError: it is damaged.
        StoreKeyError: it was written under other keys.
    """
    fields = dict(zip(_FIELDS, row, strict=True))
    return _device({**fields, "token": Secret(vault.decrypt(fields["token"]).decode())}, kind)


def _device(fields: dict[str, Any], kind: type[DeviceT]) -> DeviceT:
    try:
        names = msgspec.json.decode(fields["workspaces"], type=tuple[str, ...])
    except msgspec.DecodeError as error:
        raise damaged(error) from None
    return kind(**{**fields, "workspaces": names})


def _facts(device: Device) -> dict[str, object]:
    """Return what changes, by column."""
    facts = {field: getattr(device, field) for field in _FACTS}
    return {**facts, "workspaces": msgspec.json.encode(device.workspaces).decode()}


def _sight(connection: sqlite3.Connection, sightings: Sequence[Sighting], vault: Vault) -> None:
    with transaction(connection):
        for sighting in sightings:
            known = _known(connection, sighting)
            device = after(known, sighting)
            if known is None:
                add(connection, device, vault)
            elif device != known:
                connection.execute(_REPLACE, {"id": device.id, **_facts(device)})


def _known(connection: sqlite3.Connection, sighting: Sighting) -> Device | None:
    """Read what is there; the token need not be decrypted, for the sighting has it."""
    row = connection.execute(_GET, (sighting.device,)).fetchone()
    return _device({**dict(zip(_FIELDS, row, strict=True)), "token": sighting.token}, Device) if row else None


def _get(connection: sqlite3.Connection, device: str, vault: Vault) -> Device | None:
    row = connection.execute(_GET, (device,)).fetchone()
    return device_of(row, Device, vault) if row else None


def _find(
    connection: sqlite3.Connection, wanted: DeviceQuery, after: Device | None, limit: int, vault: Vault
) -> list[Device]:
    conditions = list(_conditions(wanted, after))
    where = " AND ".join(condition for condition, _ in conditions) or "TRUE"
    query = f"SELECT {_COLUMNS} FROM devices WHERE {where} ORDER BY last_seen DESC, id DESC LIMIT ?"  # noqa: S608
    values = [value for _, given in conditions for value in given]
    return [device_of(row, Device, vault) for row in connection.execute(query, (*values, limit))]


def _conditions(wanted: DeviceQuery, after: Device | None) -> Iterator[tuple[str, tuple[object, ...]]]:
    for field, word in wanted.words.items():
        yield f"{field} = ?", (word,)
    if wanted.workspace is not None:
        yield "? IN (SELECT value FROM json_each(workspaces))", (wanted.workspace,)
    if wanted.is_dead is not None:
        yield f"dead_since IS {'NOT ' if wanted.is_dead else ''}NULL", ()
    if wanted.ids is not None:
        yield "id >= ? AND id < ?", wanted.ids
    if after is not None:
        yield "(last_seen, id) < (?, ?)", (after.last_seen, after.id)


def _forget(connection: sqlite3.Connection, device: str) -> bool:
    with transaction(connection):
        return connection.execute("DELETE FROM devices WHERE id = ?", (device,)).rowcount > 0


def _remove(connection: sqlite3.Connection, before: float, limit: int) -> int:
    with transaction(connection):
        return connection.execute(_REMOVE, (before, limit)).rowcount
