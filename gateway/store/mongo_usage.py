"""What the workspaces have used, in MongoDB."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from pymongo import UpdateOne

from gateway.model.usage import Usage
from gateway.store.documents import converted
from gateway.store.mongo_database import USAGE, Database, Run

UsageT = TypeVar("UsageT", bound=Usage)


class MongoUsage:
    """Counts of pushes, a document each."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def count(self, usages: Sequence[Usage]) -> None:
        """Add to what is there."""
        await self._run(_count, usages)

    async def month(self, month: str) -> list[Usage]:
        """Read the counts of a month."""
        return await self._run(_month, month)


def addition(usage: Usage) -> UpdateOne:
    """Return the write that inserts one that is not there yet."""
    return UpdateOne({"_id": usage.id}, {"$setOnInsert": msgspec.structs.asdict(usage)}, upsert=True)


def usage_of(found: Mapping[str, Any], kind: type[UsageT]) -> UsageT:
    """Read what lies there.

    Raises:
        StoreError: it is damaged.
    """
    return converted(found, kind)


async def _count(database: Database, usages: Sequence[Usage]) -> None:
    if usages:
        await database[USAGE].bulk_write([_counting(usage) for usage in usages], ordered=False)


def _counting(usage: Usage) -> UpdateOne:
    fields = msgspec.structs.asdict(usage)
    count = {"count": fields.pop("count")}
    return UpdateOne({"_id": usage.id}, {"$inc": count, "$setOnInsert": fields}, upsert=True)


async def _month(database: Database, month: str) -> list[Usage]:
    found = await database[USAGE].find({"month": month}).sort("_id", 1).to_list(None)
    return [usage_of(one, Usage) for one in found]
