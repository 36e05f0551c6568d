"""The delivery log in MongoDB."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from pymongo import UpdateOne

from gateway.model.delivery import Delivery, DeliveryQuery
from gateway.model.outcome import Delivered
from gateway.store.documents import converted
from gateway.store.mongo_database import DELIVERIES, Database

DeliveryT = TypeVar("DeliveryT", bound=Delivery)


def addition(delivery: Delivery) -> UpdateOne:
    """Return the write that inserts one that is not there yet."""
    fields = msgspec.structs.asdict(delivery)
    return UpdateOne({"_id": fields.pop("id")}, {"$setOnInsert": fields}, upsert=True)


def delivery_of(found: Mapping[str, Any], kind: type[DeliveryT]) -> DeliveryT:
    """Read what lies there.

    Raises:
        StoreError: it is damaged.
    """
    return converted({"id": found["_id"], **found}, kind)


async def find(database: Database, wanted: DeliveryQuery, after: Delivery | None, limit: int) -> list[Delivery]:
    """Read those wanted, in the order of time."""
    conditions = list(_conditions(wanted, after))
    order = 1 if wanted.oldest_first else -1
    cursor = database[DELIVERIES].find({"$and": conditions} if conditions else {})
    found = await cursor.sort([("at", order), ("_id", order)]).limit(limit).to_list(None)
    return [delivery_of(one, Delivery) for one in found]


def _conditions(wanted: DeliveryQuery, after: Delivery | None) -> Iterator[Mapping[str, object]]:
    for field, word in wanted.words.items():
        yield {field: word}
    if wanted.devices is not None:
        yield {"device": {"$gte": wanted.devices[0], "$lt": wanted.devices[1]}}
    if wanted.since is not None:
        yield {"at": {"$gte": wanted.since}}
    if wanted.until is not None:
        yield {"at": {"$lt": wanted.until}}
    if after is not None:
        behind = "$gt" if wanted.oldest_first else "$lt"
        yield {"at": {f"{behind}e": after.at}}  # bounds the index, which the next line alone would not
        yield {"$or": [{"at": {behind: after.at}}, {"at": after.at, "_id": {behind: after.id}}]}


async def remove(database: Database, before: float, limit: int) -> int:
    """Delete the oldest."""
    oldest = database[DELIVERIES].find({"at": {"$lt": before}}, {"_id": 1}).sort([("at", 1), ("_id", 1)]).limit(limit)
    keys = [one["_id"] for one in await oldest.to_list(None)]
    result = await database[DELIVERIES].delete_many({"_id": {"$in": keys}})
    return int(result.deleted_count)


async def delivered(database: Database, key: str, since: float) -> str | None:
    """Find one that was delivered."""
    wanted = {"key": key, "at": {"$gte": since}, "outcome": Delivered.label}
    found = await database[DELIVERIES].find_one(wanted, {"_id": 1}, sort=[("at", -1)])
    return found["_id"] if found else None
