"""Claims to items of the outbox in MongoDB.

An item is leased by one write to it, so of all who want it one gets it. Whether it is the first of its line, which no
single write can tell, is looked at afterwards, and one that is not is given back.

`look_at` keeps claims short: no claim looks at an item before. It is the moment when the item is due and free, or later
where others of its line go before it. Whoever finds such others puts it off; whoever removes the first wakes the next.
Both look once more afterwards, so neither overtakes the other. An item whose waker died comes back by itself.
"""

import asyncio
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from pymongo import UpdateOne

from gateway.model.outbox import Claim, OutboxItem
from gateway.store.crypto import Vault
from gateway.store.mongo_database import OUTBOX, Database
from gateway.store.outbox_items import UNREADABLE_SECONDS, OutboxItemT, Queue, item_of, readable, shares

BEHIND_SECONDS = 60.0
"""How long an item is put off that is not the first of its line, unless somebody wakes it."""
LOOKAHEAD = 3
"""How many items are looked at for each that is wanted, since some stand behind others."""
ROUNDS = 10
"""How often a claim looks for more: what it takes or puts off in one, it does not find in the next."""

Found = Mapping[str, Any]


def stored_item(found: Found, kind: type[OutboxItemT], vault: Vault) -> OutboxItemT:
    """Read what lies there.

    Raises:
        StoreError: it is damaged.
    """
    return item_of(_fields(found), kind, vault)


def _fields(found: Found) -> Mapping[str, Any]:
    return {**found, "id": found["_id"]}


def queue_of(item: OutboxItem) -> str:
    """Return in one word what queue an item stands in, so that an index can pass from one to the next."""
    return _word(Queue(item.workspace, item.lane.app, item.lane.provider))


def _word(queue: Queue) -> str:
    return msgspec.json.encode(queue).decode()


async def claim_due(database: Database, vault: Vault, claim: Claim) -> list[OutboxItem]:
    """Lease until the limit is reached or nothing is left."""
    taken: list[Found] = []
    for _ in range(ROUNDS):
        left = claim.limit - len(taken)
        shared = shares(await _queues(database, claim), left) if left else {}
        if not (seen := await _seen(database, shared, claim.now)):
            break
        taken += await _take(database, claim, seen, shared)
    items, unreadable = await asyncio.to_thread(_readable, taken, vault)
    if unreadable:
        await _leave_alone(database, unreadable, claim.now + UNREADABLE_SECONDS)
    return items


async def claim_expired(database: Database, vault: Vault, claim: Claim) -> tuple[list[OutboxItem], list[str]]:
    """Lease items that are of no use any more; return them, and the ids of those that cannot be read."""
    free = {"leased_until": {"$lte": claim.now}}
    wanted = database[OUTBOX].find({"expires_at": {"$lte": claim.now}, **free}, {"_id": 1})
    found = await wanted.sort("expires_at", 1).limit(claim.limit).to_list(None) if claim.limit else []
    leased = await _lease(database, {"_id": {"$in": [one["_id"] for one in found]}, **free}, claim)
    return await asyncio.to_thread(_readable, leased, vault)


async def wake(database: Database, lines: Collection[str]) -> None:
    """Have claims look at the first item of each line from when it is due and free."""
    firsts = await _firsts(database, lines)
    fields = {"due_at": 1, "leased_until": 1, "look_at": 1}
    found = await database[OUTBOX].find({"_id": {"$in": [*firsts]}}, fields).to_list(None) if firsts else []
    if woken := [_woken(one) for one in found if one["look_at"] > max(one["due_at"], one["leased_until"])]:
        await database[OUTBOX].bulk_write(woken, ordered=False)


def _woken(found: Found) -> UpdateOne:
    """Return the write that wakes an item, unless it was claimed or postponed meanwhile."""
    as_found = {name: found[name] for name in ("_id", "due_at", "leased_until")}
    return UpdateOne(as_found, {"$set": {"look_at": max(found["due_at"], found["leased_until"])}})


def _readable(found: Iterable[Found], vault: Vault) -> tuple[list[OutboxItem], list[str]]:
    return readable(map(_fields, found), vault)


async def _queues(database: Database, claim: Claim) -> list[Queue]:
    """Ask which queues have something to look at; that any word will do lets the index answer."""
    words = await database[OUTBOX].distinct("queue", {"queue": {"$gte": ""}, **_due(claim.now)})
    queues = [msgspec.json.decode(word, type=Queue) for word in words]
    return [queue for queue in queues if claim.takes(queue.workspace, queue.lane)]


async def _seen(database: Database, shared: Mapping[Queue, int], now: float) -> dict[Queue, list[Found]]:
    """Look at what is due in the queues, at some more than their shares; leave out those in which nothing is."""

    async def look(queue: Queue, share: int) -> list[Found]:
        due = database[OUTBOX].find({"queue": _word(queue), **_due(now)}, {"line": 1})
        found: list[Found] = await due.sort("look_at", 1).limit(LOOKAHEAD * share).to_list(None)
        return found

    found = await asyncio.gather(*(look(queue, share) for queue, share in shared.items()))
    return {queue: seen for queue, seen in zip(shared, found, strict=True) if seen}


async def _take(
    database: Database, claim: Claim, seen: Mapping[Queue, Sequence[Found]], shared: Mapping[Queue, int]
) -> list[Found]:
    """Lease of every queue its share of first items; put off all that stand behind those, and are seen again later."""
    firsts = await _firsts(database, {one["line"] for found in seen.values() for one in found})
    if crowded := {one["line"] for found in seen.values() for one in found if one["_id"] not in firsts}:
        await _put_off(database, crowded, firsts, claim.now)
    chosen = {queue: [one["_id"] for one in found if one["_id"] in firsts] for queue, found in seen.items()}
    wanted = [key for queue, keys in chosen.items() for key in keys[: shared[queue]]]
    return await _still_first(database, await _lease(database, {"_id": {"$in": wanted}, **_due(claim.now)}, claim))


async def _still_first(database: Database, leased: Sequence[Found]) -> list[Found]:
    """Give back those before which an older item of their line was put meanwhile."""
    firsts = await _firsts(database, {one["line"] for one in leased})
    if behind := [one for one in leased if one["_id"] not in firsts]:
        ours = {"_id": {"$in": [one["_id"] for one in behind]}, "mark": behind[0]["mark"]}
        free = {"owner": None, "leased_until": 0.0}
        await database[OUTBOX].update_many(ours, {"$set": free | {"look_at": behind[0]["leased_until"]}})
    return [one for one in leased if one["_id"] in firsts]


async def _lease(database: Database, wanted: Found, claim: Claim) -> list[Found]:
    """Lease those that still are as wanted; a mark of this very claim tells them from others' afterwards."""
    mark = secrets.token_hex(8)
    leased = {"owner": claim.owner, "leased_until": claim.until, "mark": mark}
    await database[OUTBOX].update_many(wanted, {"$set": leased, "$max": {"look_at": claim.until}})
    found: list[Found] = await database[OUTBOX].find({"_id": wanted["_id"], "mark": mark}).to_list(None)
    return found


async def _firsts(database: Database, lines: Collection[str]) -> set[str]:
    """Return the ids of the first items of the lines."""
    steps: list[Found] = [
        {"$match": {"line": {"$in": [*lines]}}},
        {"$sort": {"line": 1, "received_at": 1, "_id": 1}},
        {"$group": {"_id": "$line", "first": {"$first": "$_id"}}},
    ]
    return {one["first"] for one in await database[OUTBOX].aggregate(steps).to_list(None)} if lines else set()


async def _put_off(database: Database, lines: Collection[str], firsts: Collection[str], now: float) -> None:
    """Put off all that stand behind the first of their line; then look once more which that is."""
    behind = {"line": {"$in": [*lines]}, "_id": {"$nin": [*firsts]}, **_due(now)}
    await database[OUTBOX].update_many(behind, {"$set": {"look_at": now + BEHIND_SECONDS}})
    await wake(database, lines)


def _due(now: float) -> dict[str, object]:
    return {"look_at": {"$lte": now}}


async def _leave_alone(database: Database, ids: Sequence[str], until: float) -> None:
    left_alone = {"$set": {"leased_until": until, "look_at": until}}
    await database[OUTBOX].update_many({"_id": {"$in": [*ids]}}, left_alone)
