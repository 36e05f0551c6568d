"""The heartbeats in MongoDB."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.model.heartbeat import Heartbeat
from gateway.store.documents import converted, readable
from gateway.store.mongo_database import HEARTBEATS, Database, Run


class MongoHeartbeats:
    """The last heartbeat of every gateway, a document each."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def beat(self, heartbeat: Heartbeat) -> None:
        """Insert or replace."""
        await self._run(_beat, heartbeat)

    async def since(self, at: float) -> list[Heartbeat]:
        """Read those of a time or later."""
        heartbeats, unreadable = await self._run(_since, at)
        for gateway in unreadable:
            await self.leave(gateway)
        return heartbeats

    async def remove(self, before: float) -> None:
        """Delete the outdated."""
        await self._run(_delete, {"at": {"$lt": before}})

    async def leave(self, gateway: str) -> None:
        """Delete one."""
        await self._run(_delete, {"_id": gateway})


async def _beat(database: Database, heartbeat: Heartbeat) -> None:
    fields = msgspec.to_builtins(heartbeat)
    await database[HEARTBEATS].replace_one({"_id": fields.pop("id")}, fields, upsert=True)


async def _since(database: Database, at: float) -> tuple[list[Heartbeat], list[str]]:
    order = [("host", 1), ("started_at", 1), ("_id", 1)]
    found = await database[HEARTBEATS].find({"at": {"$gte": at}}).sort(order).to_list(None)
    return readable(((one["_id"], one) for one in found), _read, "heartbeat_unreadable")


async def _delete(database: Database, which: Mapping[str, object]) -> None:
    await database[HEARTBEATS].delete_many(which)


def _read(found: Mapping[str, Any]) -> Heartbeat:
    return converted({"id": found["_id"], **found}, Heartbeat)
