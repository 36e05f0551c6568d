"""What every workspace has sent is counted, as it was answered, and who has sent most of its month's is told of."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.app import following
from gateway.config import LimitsSettings
from gateway.delivery.quotas import SETTLED_SECONDS
from gateway.model.limits import Limits
from gateway.model.notice import NoticeKind
from gateway.model.notice_words import words_of
from gateway.providers.simulator import Rule, Simulator
from tests.anywhere import ANYWHERE
from tests.clock import ManualClock
from tests.end_to_end.running import ANDROID, IPHONE, KEEPING_NOTHING, message, settings_of, start_gateway
from tests.end_to_end.still import Still

MID_NOVEMBER = 1_794_700_000.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MID_NOVEMBER)


@pytest.fixture
async def simulator(data: Path, clock: ManualClock) -> AsyncIterator[Simulator]:
    async with Simulator(data, ANYWHERE, clock) as running:
        yield running


@pytest.fixture
async def still(simulator: Simulator, clock: ManualClock, until: Callable[..., Any]) -> AsyncIterator[Still]:
    async with AsyncExitStack() as cleanup:
        usual = await asyncio.to_thread(settings_of, simulator, KEEPING_NOTHING)
        settings = msgspec.structs.replace(usual, limits=LimitsSettings(failed_authentications=0))
        running = await start_gateway(simulator, cleanup, settings, clock)
        await running.register()
        await cleanup.enter_async_context(following(running.gateway))
        yield Still(running, clock, until)


async def limit(still: Still, app: Limits | None = None, workspace: Limits | None = None) -> None:
    if app is not None:
        await still.running.registry.update_app("app", limits=app)
    if workspace is not None:
        await still.running.registry.update_workspace("workspace", limits=workspace)
    await still.running.gateway.follower.check()


def told(still: Still) -> list[tuple[str, str, str]]:
    """Whom the notices on quotas are of, about what, and in which words."""
    notices = still.running.gateway.notices.all()
    return [(one.subject, one.about, one.words) for one in notices if one.kind is NoticeKind.QUOTA]


async def test_every_answer_to_a_known_workspace_is_counted_by_app_and_outcome(still: Still) -> None:
    body = message(IPHONE, createdAt="2026-11-15T00:00:00.000Z", notId=1)
    assert [(await still.running.push("apn", body)).code for _ in range(2)] == ["delivered", "duplicate"]
    assert (await still.push(ANDROID)).code == "delivered"
    assert (await still.push(topic="com.example.unknown")).code == "unknown_topic"
    still.simulator.set_rules([Rule(status=503, reason="ServiceUnavailable")])
    assert (await still.push()).status == 503
    still.simulator.set_rules([])
    await still.running.registry.update_workspace("workspace", suspended=True)
    await still.running.gateway.follower.check()
    assert (await still.push()).status == 401
    assert (await still.running.post("/w/nobody/push/apn/send", message(IPHONE))).status == 401
    await still.clock.advance(1.0)
    used = await still.running.gateway.store.usage.month("2026-11")
    assert {(one.workspace, one.app, one.outcome): one.count for one in used} == {
        ("workspace", "app", "delivered"): 2,
        ("workspace", "", "duplicate"): 1,
        ("workspace", "", "rejected"): 1,
        ("workspace", "app", "later"): 1,
    }


async def test_who_comes_near_the_end_of_a_quota_is_told_of_once_for_80_and_once_for_100_percent(still: Still) -> None:
    await limit(still, workspace=Limits(per_month=5))
    for number in range(3):
        assert (await still.push(f"{number + 1:064x}")).code == "delivered"
    await still.clock.advance(6.0)
    assert told(still) == []
    assert (await still.push("a" * 64)).code == "delivered"
    await still.passes(lambda: told(still), step=5.0)
    assert told(still) == [("workspace", "workspace 2026-11 80%", "4 of 5")]
    assert (await still.push("c" * 64)).code == "delivered"
    await still.passes(lambda: len(told(still)) == 2, step=5.0)
    assert told(still)[0] == ("workspace", "workspace 2026-11 100%", "5 of 5")
    await still.clock.advance(60.0)
    assert len(told(still)) == 2


async def test_a_quota_that_is_raised_takes_the_warnings_back(still: Still) -> None:
    await limit(still, workspace=Limits(per_month=1))
    await still.push()
    await still.passes(lambda: len(told(still)) == 2, step=5.0)
    assert (await still.push(ANDROID)).code == "quota_month"
    await limit(still, workspace=Limits(per_month=100))
    assert (await still.push(ANDROID)).code == "delivered"
    await still.clock.advance(SETTLED_SECONDS + 5.0)
    assert told(still) == []


async def test_of_an_app_it_is_said_how_to_raise_the_apps(still: Still) -> None:
    await limit(still, app=Limits(per_month=1))
    await still.push()
    await still.passes(lambda: told(still), step=5.0)
    notice = still.running.gateway.notices.all()[0]
    assert notice.about == "app 2026-11 100%"
    assert words_of(notice).command == "push-gateway app update app --per-month N"
