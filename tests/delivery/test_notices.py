"""What stands, as the gateways on one store tell each other; and who of them is told of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.delivery import notices as module
from gateway.delivery.notices import FLUSH_SECONDS, POLL_SECONDS, TIDY_SECONDS, Notices
from gateway.model.errors import StoreError
from gateway.model.notice import Notice, NoticeKind
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.conftest import OpenStore
from tests.notices import notice

KIND = NoticeKind.BREAKER_OPEN


class Wire:
    """The way to the store's notices: counted, cut before or behind the store, or held up."""

    def __init__(self, store: SqliteStore) -> None:
        self._notices = store.notices
        self.writes = 0
        self.is_cut = False
        self.loses_answers = False
        self.faults: list[Exception] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def post(self, notice: Notice, unless_since: float | None = None) -> bool:
        return bool(await self._write(lambda: self._notices.post(notice, unless_since)))

    async def withdraw(self, notice_id: str) -> bool:
        return bool(await self._write(lambda: self._notices.withdraw(notice_id)))

    async def all(self) -> list[Notice]:
        self._check()
        return await self._notices.all()

    async def remove(self, before: float) -> None:
        await self._notices.remove(before)

    async def _write(self, step: Callable[[], Awaitable[bool]]) -> bool:
        await self.may_answer.wait()
        self._check()
        self.writes += 1
        done = await step()
        if self.loses_answers:
            raise StoreError("the line is cut")
        return done

    def _check(self) -> None:
        if self.is_cut:
            raise StoreError("the line is cut")
        if self.faults:
            raise self.faults.pop()


class Sleeper:
    """The test's clock, in the hands of one who sleeps: it tells when."""

    def __init__(self, clock: ManualClock) -> None:
        self.now, self.monotonic, self.call_later = clock.now, clock.monotonic, clock.call_later
        self._clock = clock
        self.sleeps = 0
        self.is_asleep = False

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        self.is_asleep = True
        await self._clock.sleep(seconds)
        self.is_asleep = False


class Site:
    """One gateway's notices, running."""

    def __init__(self, store: SqliteStore, clock: ManualClock, until: Callable[..., Any]) -> None:
        self.wire = Wire(store)
        self.sleeper = Sleeper(clock)
        following: Any = Notices(self.wire, self.sleeper)
        self.notices: Notices = following
        self.told: list[tuple[str, bool]] = []
        self.notices.tell(lambda notice, stands: self.told.append((notice.words, stands)))
        self.running = asyncio.create_task(self.notices.run())
        self._clock, self._until = clock, until

    async def turn(self) -> None:
        """Let it look at the store once more."""
        await self._until(lambda: self.sleeper.is_asleep)
        seen = self.sleeper.sleeps
        await self._clock.advance(POLL_SECONDS)
        await self._until(lambda: self.sleeper.sleeps > seen)

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)

    @property
    def standing(self) -> list[str]:
        return [notice.subject for notice in self.notices.all()]


OpenSite = Callable[[], Awaitable[Site]]


@pytest.fixture
async def open_site(open_store: OpenStore, clock: ManualClock, until: Callable[..., Any]) -> Any:
    opened: list[Site] = []

    async def open_one() -> Site:
        opened.append(Site(await open_store(), clock, until))
        await until(lambda: opened[-1].sleeper.sleeps)
        return opened[-1]

    yield open_one
    for site in opened:
        await site.stop()


async def test_what_is_posted_stands_here_at_once_and_elsewhere_soon(open_site: OpenSite) -> None:
    here, there = await open_site(), await open_site()
    here.notices.post(notice("chat", about="apns", words="no"))
    assert here.notices.standing(KIND, "chat", "apns") == notice("chat", about="apns", words="no")
    assert here.notices.standing(KIND, "chat", "fcm") is None
    assert there.notices.standing(KIND, "chat", "apns") is None
    await here.turn()
    await there.turn()
    assert there.notices.standing(KIND, "chat", "apns") == notice("chat", about="apns", words="no")


async def test_what_one_withdraws_stands_nowhere_soon(open_site: OpenSite) -> None:
    here, there = await open_site(), await open_site()
    here.notices.post(notice("chat"))
    await here.turn()
    await there.turn()
    there.notices.withdraw(KIND, "chat")
    assert (here.standing, there.standing) == (["chat"], [])
    await there.turn()
    await here.turn()
    assert here.standing == []


async def test_a_post_that_repeats_one_that_stands_writes_nothing(open_site: OpenSite) -> None:
    site = await open_site()
    for words in ("first", "second"):
        site.notices.post(notice("chat", words=words))
    await site.turn()
    site.notices.post(notice("chat", words="third"))
    site.notices.withdraw(KIND, "nobody")
    await site.turn()
    assert site.wire.writes == 1
    assert site.told == [("first", True)]


async def test_of_several_gateways_one_is_told(open_site: OpenSite) -> None:
    sites = [await open_site() for _ in range(3)]
    for site in sites:
        site.notices.post(notice("chat"))
    for site in sites:
        await site.turn()
    assert sorted(told for site in sites for told in site.told) == [("", True)]
    for site in sites:
        site.notices.withdraw(KIND, "chat")
    for site in sites:
        await site.turn()
    assert sorted(told for site in sites for told in site.told) == [("", False), ("", True)]


async def test_what_is_over_stands_no_more_and_can_be_posted_anew(
    open_site: OpenSite, store: SqliteStore, clock: ManualClock
) -> None:
    site, end = await open_site(), clock.now() + 10.0
    site.notices.post(notice("chat", words="first", until=end))
    await site.turn()
    await clock.advance(10.0)
    assert site.standing == []
    site.notices.post(notice("chat", words="second", at=clock.now(), until=end + 60.0))
    await site.turn()
    assert site.told == [("first", True), ("second", True)]
    await clock.advance(TIDY_SECONDS)
    await site.turn()
    assert await store.notices.all() == []


async def test_a_store_that_is_away_is_told_of_once_and_gets_everything_later(
    open_site: OpenSite, store: SqliteStore
) -> None:
    site = await open_site()
    site.wire.is_cut = True
    site.notices.post(notice("chat"))
    site.notices.post(notice("over"))
    with capture_logs() as logs:
        await site.turn()
        await site.turn()
    assert [one["event"] for one in logs] == ["notices_unavailable"]
    site.notices.withdraw(KIND, "over")
    assert site.standing == ["chat"]
    site.wire.is_cut = False
    await site.turn()
    assert (site.told, await store.notices.all()) == ([("", True)], [notice("chat")])


async def test_what_the_store_has_done_without_an_answer_is_told_of_all_the_same(open_site: OpenSite) -> None:
    site = await open_site()
    for change, stands in (
        (lambda: site.notices.post(notice("chat")), True),
        (lambda: site.notices.withdraw(KIND, "chat"), False),
    ):
        site.wire.loses_answers = True
        change()
        await site.turn()
        site.wire.loses_answers = False
        await site.turn()
        assert site.told.pop() == ("", stands)


async def test_another_gateways_notice_is_not_taken_for_ones_own(open_site: OpenSite, store: SqliteStore) -> None:
    site = await open_site()
    site.wire.is_cut = True
    site.notices.post(notice("chat", words="ours"))
    await site.turn()
    await store.notices.post(notice("chat", words="theirs"))
    site.wire.is_cut = False
    await site.turn()
    assert (site.told, [one.words for one in site.notices.all()]) == ([], ["theirs"])


async def test_a_fault_of_ours_does_not_end_the_following(open_site: OpenSite) -> None:
    site = await open_site()
    site.wire.faults = [ZeroDivisionError()]
    with capture_logs() as logs:
        await site.turn()
    assert [one["event"] for one in logs] == ["notices_failed"]
    site.notices.post(notice("chat"))
    await site.turn()
    assert site.told == [("", True)]


async def test_at_the_end_what_is_left_is_written(open_site: OpenSite, store: SqliteStore) -> None:
    site = await open_site()
    await site.stop()
    site.notices.post(notice("chat"))
    await site.notices.flush()
    assert (site.told, await store.notices.all()) == ([("", True)], [notice("chat")])


async def test_a_write_that_the_end_interrupts_is_not_lost(
    open_site: OpenSite, store: SqliteStore, clock: ManualClock
) -> None:
    site = await open_site()
    site.wire.may_answer.clear()
    site.notices.post(notice("chat"))
    await clock.advance(POLL_SECONDS)
    await site.stop()
    site.wire.may_answer.set()
    await site.notices.flush()
    assert await store.notices.all() == [notice("chat")]


async def test_the_end_waits_for_no_store_for_long(open_site: OpenSite, clock: ManualClock) -> None:
    site = await open_site()
    await site.stop()
    site.wire.may_answer.clear()
    site.notices.post(notice("chat"))
    with capture_logs() as logs:
        flushing = asyncio.create_task(site.notices.flush())
        await clock.advance(FLUSH_SECONDS)
        await flushing
    assert [(one["event"], one["lost"]) for one in logs] == [("notices_lost", 1)]


async def test_no_more_wait_than_may(open_site: OpenSite) -> None:
    site = await open_site()
    site.wire.is_cut = True
    for number in range(module.CAPACITY + 1):
        site.notices.post(notice(f"{number}"))
    site.notices.withdraw(KIND, "0")
    await site.stop()
    with capture_logs() as logs:
        await site.notices.flush()
    assert [one["lost"] for one in logs] == [module.CAPACITY]
