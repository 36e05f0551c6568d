"""Who runs on a store, on every adapter."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet
from pymongo import MongoClient
from structlog.testing import capture_logs

from gateway.model.store_url import StoreUrl
from gateway.store.crypto import Vault
from gateway.store.mongo import MongoStore
from gateway.store.port import Store
from gateway.store.sqlite import SqliteStore
from tests.heartbeats import heartbeat
from tests.store.conftest import OpenStore

VAULT = Vault([Fernet.generate_key().decode()], "lookup")


async def test_the_last_beat_of_each_gateway_is_there_as_it_was(store: Store, open_store: OpenStore) -> None:
    first = heartbeat("a", at=5.0, revision=None)
    other = heartbeat("b", at=6.0, keys=("0a1b2c3d", "4e5f6a7b"))
    for beat in (first, other, msgspec.structs.replace(first, at=7.0, revision=3)):
        await store.heartbeats.beat(beat)
    known = await (await open_store()).heartbeats.since(0.0)
    assert known == [msgspec.structs.replace(first, at=7.0, revision=3), other]


async def test_of_two_on_one_host_the_older_comes_first(store: Store) -> None:
    late, early = heartbeat("a", host="h", started_at=2.0), heartbeat("b", host="h", started_at=1.0)
    for beat in (late, early):
        await store.heartbeats.beat(beat)
    assert await store.heartbeats.since(0.0) == [early, late]


async def test_who_has_not_beaten_since_is_left_out_and_can_be_forgotten(store: Store) -> None:
    for key, at in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
        await store.heartbeats.beat(heartbeat(key, at=at))
    assert [one.id for one in await store.heartbeats.since(2.0)] == ["b", "c"]
    await store.heartbeats.remove(2.0)
    assert [one.id for one in await store.heartbeats.since(0.0)] == ["b", "c"]


async def test_who_leaves_is_gone(store: Store) -> None:
    for key in ("a", "b"):
        await store.heartbeats.beat(heartbeat(key))
    await store.heartbeats.leave("a")
    await store.heartbeats.leave("nobody")
    assert [one.id for one in await store.heartbeats.since(0.0)] == ["b"]


async def test_a_beat_changes_no_revision(store: Store) -> None:
    before = await store.revision()
    await store.heartbeats.beat(heartbeat("a"))
    assert await store.revision() == before


async def test_a_damaged_heartbeat_in_the_file_is_removed_and_hides_no_other(tmp_path: Path) -> None:
    def damage() -> None:
        with closing(sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)) as connection:
            connection.execute("INSERT INTO heartbeats VALUES ('a', 1.0, '{}')")

    store = await SqliteStore.open(tmp_path / "gateway.db", lambda is_new: VAULT)
    await asyncio.to_thread(damage)
    await _check_removed(store)
    await store.close()


async def test_a_damaged_heartbeat_in_mongodb_is_removed_and_hides_no_other(mongo_url: StoreUrl) -> None:
    def damage() -> None:
        with MongoClient[dict[str, object]](mongo_url.reveal()) as client:
            client.get_default_database()["heartbeats"].insert_one({"_id": "a", "at": 1.0})

    store = await MongoStore.open(mongo_url, VAULT)
    await asyncio.to_thread(damage)
    await _check_removed(store)
    await store.close()


async def _check_removed(store: Store) -> None:
    """Of the damaged one it is told once, and what has just beaten is seen."""
    living = heartbeat("b")
    await store.heartbeats.beat(living)
    with capture_logs() as logs:
        assert await store.heartbeats.since(0.0) == [living]
        assert await store.heartbeats.since(0.0) == [living]
    assert [(one["event"], one["id"]) for one in logs] == [("heartbeat_unreadable", "a")]
