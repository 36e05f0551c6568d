"""The notices in MongoDB."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from gateway.model.notice import Notice
from gateway.store.documents import converted, readable
from gateway.store.mongo_database import NOTICES, Database, Run

NoticeT = TypeVar("NoticeT", bound=Notice)


class MongoNotices:
    """What stands, a document each."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def post(self, notice: Notice, unless_since: float | None = None) -> bool:
        """Insert, or replace what is outdated."""
        return await self._run(_post, notice, unless_since)

    async def withdraw(self, notice_id: str) -> bool:
        """Delete one."""
        return await self._run(_delete, {"_id": notice_id})

    async def all(self) -> list[Notice]:
        """Read all."""
        notices, unreadable = await self._run(_all)
        for notice_id in unreadable:
            await self.withdraw(notice_id)
        return notices

    async def remove(self, before: float) -> None:
        """Delete the outdated."""
        await self._run(_delete, {"until": {"$lte": before}})


def addition(notice: Notice) -> UpdateOne:
    """Return the write that inserts one that is not there yet."""
    return UpdateOne({"_id": notice.id}, {"$setOnInsert": msgspec.to_builtins(notice)}, upsert=True)


def notice_of(found: Mapping[str, Any], kind: type[NoticeT]) -> NoticeT:
    """Read what lies there.

    Raises:
        StoreError: it is damaged.
    """
    return converted(found, kind)


async def _post(database: Database, notice: Notice, unless_since: float | None) -> bool:
    """Only what is outdated matches (None is before no time); any other the upsert runs into, by its key.

    So do all but one of several that post at once.
    """
    outdated: list[dict[str, object]] = [{"until": {"$lte": notice.at}}]
    if unless_since is not None:
        outdated.append({"at": {"$lt": unless_since}})
    wanted = {"_id": notice.id, "$or": outdated}
    try:
        await database[NOTICES].update_one(wanted, {"$set": msgspec.to_builtins(notice)}, upsert=True)
    except DuplicateKeyError:
        return False
    return True


async def _delete(database: Database, which: Mapping[str, object]) -> bool:
    return bool((await database[NOTICES].delete_many(which)).deleted_count)


async def _all(database: Database) -> tuple[list[Notice], list[str]]:
    found = await database[NOTICES].find().sort("_id", 1).to_list(None)
    return readable(((one["_id"], one) for one in found), lambda one: notice_of(one, Notice), "notice_unreadable")
