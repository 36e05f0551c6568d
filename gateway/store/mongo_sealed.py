"""What lies encrypted in MongoDB. Its place is the document."""

from collections.abc import Sequence

from pymongo import UpdateOne

from gateway.store.mongo_database import META, Database, Run
from gateway.store.sealed_port import SEAL, SEALED_FIELDS, Resealed, Sealed, SealedField

_FIELDS = {SEAL: SealedField(META, "seal"), **SEALED_FIELDS}


class MongoSealed:
    """All fields that hold encrypted things, in the documents that have them."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def count(self, kind: str) -> int:
        """Count the documents."""
        return await self._run(_count, _FIELDS[kind])

    async def page(self, kind: str, after: Sealed | None, limit: int) -> list[Sealed]:
        """Read the documents that come next."""
        return await self._run(_page, _FIELDS[kind], after, limit)

    async def replace(self, kind: str, things: Sequence[Resealed]) -> None:
        """Write them one by one, none of them waiting for another."""
        await self._run(_replace, _FIELDS[kind], things)


async def _count(database: Database, field: SealedField) -> int:
    return int(await database[field.table].count_documents({field.column: {"$exists": True}}))


async def _page(database: Database, field: SealedField, after: Sealed | None, limit: int) -> list[Sealed]:
    wanted = {field.column: {"$exists": True}} | ({"_id": {"$gt": after.place}} if after else {})
    found = await database[field.table].find(wanted, {field.column: 1}).sort("_id", 1).limit(limit).to_list(None)
    return [Sealed(one["_id"], one[field.column]) for one in found]


async def _replace(database: Database, field: SealedField, things: Sequence[Resealed]) -> None:
    updates = [
        UpdateOne({"_id": one.found.place, field.column: one.found.content}, {"$set": {field.column: one.content}})
        for one in things
    ]
    await database[field.table].bulk_write(updates, ordered=False)
