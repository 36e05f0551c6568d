"""Verdicts that were not answered yet, in MongoDB."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from pymongo import UpdateOne

from gateway.model.outbox import LateVerdict
from gateway.store.documents import converted
from gateway.store.mongo_database import LATE_VERDICTS, Database, Run

LateVerdictT = TypeVar("LateVerdictT", bound=LateVerdict)


class MongoLateVerdicts:
    """Verdicts that were not answered yet."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def put(self, verdicts: Sequence[LateVerdict]) -> None:
        """Add or replace verdicts."""
        await self._run(_put, verdicts)

    async def since(self, at: float, limit: int) -> list[LateVerdict]:
        """Read them in the order of time."""
        return await self._run(_since, at, limit)

    async def take(self, workspace: str, device: str) -> bool:
        """Remove one; tell whether it was there."""
        return await self._run(_take, LateVerdict.id_of(workspace, device))

    async def remove(self, before: float, limit: int) -> int:
        """Forget the oldest."""
        return await self._run(_remove, before, limit)


def addition(verdict: LateVerdict) -> UpdateOne:
    """Return the write that adds or replaces one."""
    return UpdateOne({"_id": verdict.id}, {"$set": msgspec.structs.asdict(verdict)}, upsert=True)


def verdict_of(found: Mapping[str, Any], kind: type[LateVerdictT]) -> LateVerdictT:
    """Read what lies there.

    Raises:
        StoreError: it is damaged.
    """
    return converted(found, kind)


async def _put(database: Database, verdicts: Sequence[LateVerdict]) -> None:
    if verdicts:
        await database[LATE_VERDICTS].bulk_write([addition(verdict) for verdict in verdicts])


async def _since(database: Database, at: float, limit: int) -> list[LateVerdict]:
    cursor = database[LATE_VERDICTS].find({"at": {"$gte": at}}).sort([("at", 1), ("_id", 1)]).limit(limit)
    return [verdict_of(found, LateVerdict) for found in await cursor.to_list(None)]


async def _take(database: Database, key: str) -> bool:
    return bool((await database[LATE_VERDICTS].delete_one({"_id": key})).deleted_count)


async def _remove(database: Database, before: float, limit: int) -> int:
    oldest = database[LATE_VERDICTS].find({"at": {"$lt": before}}, {"_id": 1}).sort([("at", 1), ("_id", 1)])
    found = await oldest.limit(limit).to_list(None)
    # the time is asked once more, for one may have been heard anew meanwhile
    forgotten = {"_id": {"$in": [one["_id"] for one in found]}, "at": {"$lt": before}}
    return int((await database[LATE_VERDICTS].delete_many(forgotten)).deleted_count)
