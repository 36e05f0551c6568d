"""What stands, as the gateways on one store tell each other; and who of them is told of it."""

import asyncio

from structlog.testing import capture_logs

from gateway.delivery import notices as module
from gateway.delivery.notices import FLUSH_SECONDS, POLL_SECONDS, TIDY_SECONDS
from gateway.model.notice import NoticeKind
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.site import OpenSite
from tests.notices import notice

KIND = NoticeKind.BREAKER_OPEN


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
