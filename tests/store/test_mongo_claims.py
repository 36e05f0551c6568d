"""Claims on MongoDB when somebody else is faster, between one command to the server and the next."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from gateway.model.store_url import StoreUrl
from gateway.store.crypto import Vault
from gateway.store.mongo import OPTIONS, MongoStore
from tests.store.owed import claim, owed

VAULT = Vault([Fernet.generate_key().decode()], "lookup")
Act = Callable[[Collection[dict[str, Any]]], object]


class Rival(CommandListener):
    """Does something to the outbox just before the store's next update of it reaches the server."""

    def __init__(self, url: StoreUrl) -> None:
        self._client = MongoClient[dict[str, Any]](url.reveal())
        self._act: Act | None = None

    def before_the_next_update(self, act: Act) -> None:
        self._act = act

    def started(self, event: CommandStartedEvent) -> None:
        if self._act and event.command_name == "update":
            act, self._act = self._act, None
            act(self._client.get_default_database()["outbox"])

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass

    def close(self) -> None:
        assert self._act is None, "there was no update"
        self._client.close()


@pytest.fixture
async def rival(mongo_url: StoreUrl) -> AsyncIterator[Rival]:
    rival = await asyncio.to_thread(Rival, mongo_url)
    yield rival
    await asyncio.to_thread(rival.close)


@pytest.fixture
async def store(mongo_url: StoreUrl, rival: Rival) -> AsyncIterator[MongoStore]:
    await (await MongoStore.open(mongo_url, VAULT)).close()

    def connect() -> AsyncIOMotorClient[dict[str, Any]]:
        return AsyncIOMotorClient(mongo_url.reveal(), io_loop=loop, event_listeners=[rival], **OPTIONS)

    loop = asyncio.get_running_loop()
    store = MongoStore(await asyncio.to_thread(connect), mongo_url, VAULT)
    yield store
    await store.close()


def puts_an_older_one(outbox: Collection[dict[str, Any]]) -> None:
    outbox.insert_one({**(outbox.find_one({"_id": "2"}) or {}), "_id": "1", "received_at": 1.0})


def finishes_the_first(outbox: Collection[dict[str, Any]]) -> None:
    outbox.delete_one({"_id": "1"})


def leases_the_second(outbox: Collection[dict[str, Any]]) -> None:
    leased = {"owner": "rival", "leased_until": 2500.0, "look_at": 2500.0}
    outbox.update_one({"_id": "2"}, {"$set": leased})


async def test_an_item_that_is_overtaken_in_its_line_while_it_is_claimed_is_given_back(
    store: MongoStore, rival: Rival
) -> None:
    await store.outbox.put([owed("2", line="a")])
    rival.before_the_next_update(puts_an_older_one)
    assert [item.id for item in await store.outbox.claim(claim())] == ["1"]
    await store.outbox.finish(["1"])
    [second] = await store.outbox.claim(claim(owner="other"))
    assert (second.id, second.owner) == ("2", "other")


async def test_an_item_is_not_put_off_behind_one_that_is_finished_meanwhile(store: MongoStore, rival: Rival) -> None:
    await store.outbox.put(
        [owed("1", line="a", owner="other", leased_until=9e9), owed("2", line="a", received_at=1001.0)]
    )
    rival.before_the_next_update(finishes_the_first)
    assert [item.id for item in await store.outbox.claim(claim())] == ["2"]


async def test_an_item_that_is_claimed_while_it_is_woken_stays_whose_it_is(store: MongoStore, rival: Rival) -> None:
    await store.outbox.put(
        [owed("1", line="a", owner="other", leased_until=9e9), owed("2", line="a", received_at=1001.0)]
    )
    assert await store.outbox.claim(claim()) == []
    rival.before_the_next_update(leases_the_second)
    await store.outbox.finish(["1"])
    assert await store.outbox.claim(claim()) == []


async def test_an_item_that_is_claimed_by_another_just_before_is_the_others(store: MongoStore, rival: Rival) -> None:
    await store.outbox.put([owed("2")])
    rival.before_the_next_update(leases_the_second)
    assert await store.outbox.claim(claim()) == []


async def test_an_item_whose_waker_died_comes_back_after_a_minute(store: MongoStore, mongo_url: StoreUrl) -> None:
    await store.outbox.put(
        [owed("1", line="a", owner="other", leased_until=9e9), owed("2", line="a", received_at=1001.0)]
    )
    assert await store.outbox.claim(claim()) == []

    def die() -> None:
        with MongoClient[dict[str, Any]](mongo_url.reveal()) as client:
            finishes_the_first(client.get_default_database()["outbox"])

    await asyncio.to_thread(die)
    assert await store.outbox.claim(claim(now=2059.9)) == []
    assert [item.id for item in await store.outbox.claim(claim(now=2060.0))] == ["2"]
