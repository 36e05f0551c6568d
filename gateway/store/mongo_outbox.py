"""The outbox in MongoDB."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pymongo import UpdateOne

from gateway.model.outbox import Claim, Lane, OutboxCount, OutboxItem, Postponement
from gateway.store import mongo_claims
from gateway.store.crypto import Vault
from gateway.store.mongo_claims import queue_of, wake
from gateway.store.mongo_database import OUTBOX, Database, Run
from gateway.store.outbox_items import flat


class MongoOutbox:
    """Pushes that are owed."""

    def __init__(self, run: Run, vault: Vault) -> None:
        self._run = run
        self._vault = vault

    async def put(self, items: Sequence[OutboxItem]) -> None:
        """Add items; where this fails, some may have been added."""
        await self._run(_put, self._vault, items)

    async def claim(self, claim: Claim) -> list[OutboxItem]:
        """Lease items that are due, each the first of its line."""
        return await self._run(mongo_claims.claim_due, self._vault, claim)

    async def claim_expired(self, claim: Claim) -> list[OutboxItem]:
        """Lease items that are of no use any more."""
        items, unreadable = await self._run(mongo_claims.claim_expired, self._vault, claim)
        if unreadable:
            await self.finish(unreadable)
        return items

    async def renew(self, owner: str, ids: Collection[str], until: float) -> None:
        """Prolong leases."""
        await self._run(_renew, owner, ids, until)

    async def postpone(self, owner: str, postponements: Sequence[Postponement]) -> None:
        """Give items back."""
        await self._run(_postpone, owner, postponements)

    async def hasten(self, lane: Lane, now: float) -> None:
        """Let what is free be due now."""
        await self._run(_hasten, lane, now)

    async def finish(self, ids: Collection[str]) -> None:
        """Remove items."""
        await self._run(_finish, ids)

    async def count(self) -> OutboxCount:
        """Count the items of every workspace."""
        return await self._run(_count)

    async def lines(self, among: Collection[str] | None) -> set[str]:
        """Return the lines in which items wait."""
        return await self._run(_lines, among)

    async def find(self, key: str) -> str | None:
        """Return the id of an item with this key."""
        return await self._run(_find, key)


_COUNT = [
    {"$match": {"workspace": {"$gte": ""}}},
    {"$group": {"_id": "$workspace", "count": {"$sum": 1}, "oldest": {"$min": "$received_at"}}},
]
"""With the match, the index alone answers."""
_COUNT_BY_APP = [{"$match": {"app": {"$gte": ""}}}, {"$group": {"_id": "$app", "count": {"$sum": 1}}}]


def addition(item: OutboxItem, vault: Vault) -> UpdateOne:
    """Return the write that inserts one that is not there yet."""
    fields = flat(item, vault)
    for_claims = {"queue": queue_of(item), "look_at": max(item.due_at, item.leased_until)}
    return UpdateOne({"_id": fields.pop("id")}, {"$setOnInsert": fields | for_claims}, upsert=True)


async def _put(database: Database, vault: Vault, items: Sequence[OutboxItem]) -> None:
    additions = await asyncio.to_thread(lambda: [addition(item, vault) for item in items])
    if additions:
        await database[OUTBOX].bulk_write(additions, ordered=False)


async def _renew(database: Database, owner: str, ids: Collection[str], until: float) -> None:
    prolonged = {"$max": {"leased_until": until, "look_at": until}}
    await database[OUTBOX].update_many({"_id": {"$in": [*ids]}, "owner": owner}, prolonged)


async def _postpone(database: Database, owner: str, postponements: Sequence[Postponement]) -> None:
    if postponements:
        changes = [UpdateOne({"_id": one.id, "owner": owner}, {"$set": _postponed(one)}) for one in postponements]
        await database[OUTBOX].bulk_write(changes, ordered=False)


def _postponed(one: Postponement) -> Mapping[str, object]:
    free = {"owner": None, "leased_until": 0.0}
    return {"due_at": one.due_at, "look_at": one.due_at, "attempts": one.attempts, "reason": one.reason, **free}


async def _hasten(database: Database, lane: Lane, now: float) -> None:
    """Have claims look at once; what is not the first of its line is put off again by the first that does."""
    free = {"app": lane.app, "provider": lane.provider, "due_at": {"$gt": now}, "leased_until": {"$lte": now}}
    await database[OUTBOX].update_many(free, {"$set": {"due_at": now, "look_at": now}})


async def _finish(database: Database, ids: Collection[str]) -> None:
    """Delete items, then wake those that they went before."""
    theirs = {"_id": {"$in": [*ids]}}
    lines = await database[OUTBOX].distinct("line", theirs)
    await database[OUTBOX].delete_many(theirs)
    await wake(database, lines)


async def _count(database: Database) -> OutboxCount:
    found = await database[OUTBOX].aggregate(_COUNT).to_list(None)
    oldest = min((one["oldest"] for one in found), default=None)
    by_app = await database[OUTBOX].aggregate(_COUNT_BY_APP).to_list(None)
    return OutboxCount(_counts(found), oldest, _counts(by_app))


def _counts(found: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {one["_id"]: one["count"] for one in found}


async def _lines(database: Database, among: Collection[str] | None) -> set[str]:
    wanted = {} if among is None else {"line": {"$in": [*among]}}
    return set(await database[OUTBOX].distinct("line", wanted))


async def _find(database: Database, key: str) -> str | None:
    found = await database[OUTBOX].find_one({"key": key}, {"_id": 1})
    return found["_id"] if found else None
