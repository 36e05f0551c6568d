"""What stands, on every adapter: who of several is the one to post it, and when it gives way."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pymongo import MongoClient
from structlog.testing import capture_logs

from gateway.model.notice import Notice, NoticeKind
from gateway.model.store_url import StoreUrl
from gateway.store.crypto import Vault
from gateway.store.mongo import MongoStore
from gateway.store.port import Store
from gateway.store.sqlite import SqliteStore
from tests.notices import notice
from tests.store.conftest import OpenStore

VAULT = Vault([Fernet.generate_key().decode()], "lookup")
LATER: dict[str, Any] = {"at": 2000.0, "words": "later"}


async def test_what_is_posted_is_there_as_it_was_by_the_ids(store: Store, open_store: OpenStore) -> None:
    posted = [
        notice("b", words="It said: no.", until=5000.0),
        notice("a", about="apns"),
        notice("a", kind=NoticeKind.QUOTA, about="2026-11:80"),
    ]
    for one in posted:
        assert await store.notices.post(one)
    assert await (await open_store()).notices.all() == sorted(posted, key=lambda one: one.id)


async def test_what_stands_is_not_posted_over(store: Store) -> None:
    await store.notices.post(notice("a"))
    assert not await store.notices.post(notice("a", **LATER))
    assert await store.notices.all() == [notice("a")]


@pytest.mark.parametrize(
    ("until", "unless_since", "is_put"),
    [
        (None, 1000.1, True),
        (None, 1000.0, False),
        (2000.1, None, False),
        (2000.0, None, True),
        (2000.1, 1000.1, True),
        (2000.1, 999.0, False),
        (2000.0, 999.0, True),
    ],
)
async def test_what_is_old_or_over_gives_way(
    store: Store, until: float | None, unless_since: float | None, is_put: bool
) -> None:
    first, later = notice("a", until=until), notice("a", **LATER)
    await store.notices.post(first)
    assert await store.notices.post(later, unless_since) is is_put
    assert await store.notices.all() == [later if is_put else first]


@pytest.mark.parametrize("is_there", [False, True], ids=["nothing there", "an outdated one there"])
async def test_of_several_that_post_the_same_at_once_one_does(
    store: Store, open_store: OpenStore, is_there: bool
) -> None:
    if is_there:
        await store.notices.post(notice("a"))
    gateways = [store, await open_store(), await open_store()]
    posts = [gateways[n % 3].notices.post(notice("a", at=2000.0, words=str(n)), 1500.0) for n in range(12)]
    won = await asyncio.gather(*posts)
    assert won.count(True) == 1
    assert [one.words for one in await store.notices.all()] == [str(won.index(True))]


async def test_of_several_that_withdraw_one_has_removed_it(store: Store, open_store: OpenStore) -> None:
    other = await open_store()
    await store.notices.post(notice("a"))
    await store.notices.post(notice("b"))
    key = notice("a").id
    removed = await asyncio.gather(*(gateway.notices.withdraw(key) for gateway in (store, other, store, other)))
    assert removed.count(True) == 1
    assert await store.notices.all() == [notice("b")]


async def test_what_is_over_is_removed_and_what_has_no_end_stays(store: Store) -> None:
    for key, until in (("a", 1999.0), ("b", 2000.0), ("c", 2001.0), ("d", None)):
        await store.notices.post(notice(key, until=until))
    await store.notices.remove(2000.0)
    assert [one.subject for one in await store.notices.all()] == ["c", "d"]


async def test_a_notice_changes_no_revision(store: Store) -> None:
    before = await store.revision()
    await store.notices.post(notice("a"))
    assert await store.revision() == before


async def test_a_notice_that_is_there_stays_when_it_is_added_again(store: Store) -> None:
    await store.add([notice("a"), notice("b")])
    await store.add([notice("a", words="other"), notice("c")])
    assert await store.page(Notice, None, 9) == [notice("a"), notice("b"), notice("c")]
    assert await store.page(Notice, notice("a").id, 1) == [notice("b")]


async def test_a_notice_of_a_newer_program_in_the_file_is_removed_and_hides_no_other(tmp_path: Path) -> None:
    def damage() -> None:
        with closing(sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)) as connection:
            connection.execute("INSERT INTO notices VALUES ('a', 'of tomorrow', 'a', '', '', 1.0, NULL)")

    store = await SqliteStore.open(tmp_path / "gateway.db", lambda is_new: VAULT)
    await asyncio.to_thread(damage)
    await _check_removed(store)
    await store.close()


async def test_a_notice_of_a_newer_program_in_mongodb_is_removed_and_hides_no_other(mongo_url: StoreUrl) -> None:
    def damage() -> None:
        with MongoClient[dict[str, object]](mongo_url.reveal()) as client:
            strange = {"_id": "a", "kind": "of tomorrow", "subject": "a", "at": 1.0, "until": None}
            client.get_default_database()["notices"].insert_one(strange)

    store = await MongoStore.open(mongo_url, VAULT)
    await asyncio.to_thread(damage)
    await _check_removed(store)
    await store.close()


async def _check_removed(store: Store) -> None:
    await store.notices.post(notice("b"))
    with capture_logs() as logs:
        assert await store.notices.all() == [notice("b")]
        assert await store.notices.all() == [notice("b")]
    assert [(one["event"], one["id"]) for one in logs] == [("notice_unreadable", "a")]
