"""What is on hold is kept, answered 200, and sent in its order when the hold is over."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.app import following
from gateway.config import DeliverySettings
from gateway.model.outbox import OutboxItem
from gateway.providers.credentials import with_topics
from gateway.providers.simulator import Rule, Simulator
from tests.anywhere import ANYWHERE
from tests.clock import ManualClock
from tests.end_to_end.running import ANDROID, IPHONE, PUSHKIT, TOPIC, credentials, settings_of, start_gateway
from tests.end_to_end.still import Still

NEW_TOPIC = "com.example.new"
RESUMED_SECONDS = 10.0
"""Far below the pauses between attempts; time passes while answers are on their way, too."""
HOLDS = pytest.mark.parametrize("on_hold", ["app", "workspace"])
OTHERS = Rule(platform="fcm", status=403, reason="SENDER_ID_MISMATCH")


class Holding(Still):
    """A gateway of which one app or workspace can be put on hold."""

    async def hold(self, what: str, held: bool = True) -> None:
        registry = self.running.registry
        change = registry.update_app if what != "workspace" else registry.update_workspace
        await change(what, held=held)
        await self.running.gateway.follower.check()

    async def resumed(self, what: str, pushes: int) -> None:
        """Resume, and let no more time pass than that takes."""
        before = self.clock.now()
        await self.hold(what, held=False)
        await self.passes(lambda: len(self.simulator.received) >= pushes, step=0.01)
        assert self.clock.now() - before <= RESUMED_SECONDS

    @property
    def delivered(self) -> list[str]:
        """The numbers of the pushes that Apple has taken, in order."""
        return [one.payload["aps"]["thread-id"] for one in self.simulator.received if one.status == 200]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time.time())


@pytest.fixture
async def simulator(data: Path, clock: ManualClock) -> AsyncIterator[Simulator]:
    """Keys are judged by the gateway's clock, for minutes pass by it."""
    async with Simulator(data, ANYWHERE, clock) as running:
        yield running


@pytest.fixture
def delivery() -> DeliverySettings:
    return DeliverySettings()


@pytest.fixture
async def still(
    simulator: Simulator, delivery: DeliverySettings, clock: ManualClock, until: Callable[..., Any]
) -> AsyncIterator[Holding]:
    async with AsyncExitStack() as cleanup:
        settings = await asyncio.to_thread(settings_of, simulator, delivery)
        running = await start_gateway(simulator, cleanup, settings, clock)
        await running.register()
        yield Holding(running, clock, until)
        simulator.set_rules([])


@HOLDS
async def test_everything_is_kept_and_nobody_is_asked_until_it_is_resumed(still: Holding, on_hold: str) -> None:
    await still.hold(on_hold)
    answers = [await still.push(token) for token in (IPHONE, PUSHKIT, ANDROID)]
    assert [(answer.status, answer.code) for answer in answers] == [(200, "stored_held")] * 3
    await still.clock.advance(600)
    assert still.simulator.received == []
    await still.resumed(on_hold, 3)
    await still.empty()
    assert {one.token for one in still.simulator.received} == {IPHONE, PUSHKIT, ANDROID}
    assert [one.outcome for one in await still.log()] == ["delivered"] * 3


@HOLDS
async def test_pushes_to_one_device_come_in_their_order(still: Holding, on_hold: str) -> None:
    await still.hold(on_hold)
    for number in range(5):
        assert (await still.push(notId=number)).code == "stored_held"
    await still.hold(on_hold, held=False)
    assert (await still.push(notId=5)).code == "stored_in_line"
    await still.empty()
    assert still.delivered == [str(number) for number in range(6)]


@HOLDS
async def test_what_was_stored_before_is_not_sent_while_on_hold(still: Holding, on_hold: str) -> None:
    still.simulator.set_rules([Rule(status=503, times=1)])
    assert (await still.push()).code == "stored_later"
    await still.hold(on_hold)
    await still.clock.advance(600)
    assert [one.status for one in still.simulator.received] == [503]
    await still.resumed(on_hold, 2)


async def test_a_push_on_hold_expires_at_its_own_time(still: Holding) -> None:
    await still.hold("app")
    assert (await still.push(apn={"expirationSeconds": 30})).code == "stored_held"
    await still.clock.advance(40)
    await still.empty()
    await still.hold("app", held=False)
    (expired,) = await still.log()
    assert (expired.outcome, expired.attempts) == ("expired", 0)
    assert still.simulator.received == []


async def test_an_app_on_hold_keeps_no_other_waiting(still: Holding) -> None:
    apns, _ = await asyncio.to_thread(credentials, still.simulator)
    await still.running.registry.add_app("second", with_topics(apns, (NEW_TOPIC,)), None)
    await still.running.registry.update_workspace("workspace", apps=("app", "second"))
    await still.hold("app")
    assert (await still.push()).code == "stored_held"
    assert (await still.push(PUSHKIT, topic=NEW_TOPIC)).code == "delivered"


async def test_a_workspace_on_hold_keeps_no_other_waiting(still: Holding) -> None:
    other = await still.running.registry.add_workspace("other", ("app",))
    await still.hold("workspace")
    assert (await still.push()).code == "stored_held"
    still.running.secret = other.secret.reveal()
    assert (await still.push(PUSHKIT)).code == "delivered"


async def test_a_workspace_on_hold_keeps_pushes_of_topics_that_are_yet_to_come(still: Holding) -> None:
    await still.hold("workspace")
    assert (await still.push(topic=NEW_TOPIC)).code == "stored_held"
    apns, _ = await asyncio.to_thread(credentials, still.simulator)
    await still.running.registry.replace_credentials("app", with_topics(apns, (TOPIC, NEW_TOPIC)), None)
    await still.resumed("workspace", 1)
    assert still.simulator.received[0].headers["apns-topic"] == NEW_TOPIC


async def test_a_workspace_on_hold_keeps_pushes_of_a_platform_that_is_yet_to_come(still: Holding) -> None:
    registry = still.running.registry
    _, fcm = await asyncio.to_thread(credentials, still.simulator)
    await registry.update_workspace("workspace", apps=())
    await still.hold("workspace")
    assert (await still.push(ANDROID)).code == "stored_held"
    await registry.add_app("android", None, fcm)
    await registry.update_workspace("workspace", apps=("android",))
    await still.resumed("workspace", 1)


async def test_a_topic_that_never_came_ends_as_it_would_have_without_the_hold(still: Holding) -> None:
    await still.hold("workspace")
    assert (await still.push(topic=NEW_TOPIC)).code == "stored_held"
    await still.hold("workspace", held=False)
    await still.empty()
    (ended,) = await still.log()
    assert (ended.outcome, ended.reason, ended.app) == ("rejected", "unknown_topic", None)


async def test_an_app_on_hold_does_not_hide_that_a_topic_is_nobodys(still: Holding) -> None:
    await still.hold("app")
    assert (await still.push(topic=NEW_TOPIC)).code == "unknown_topic"


async def two_android_apps(still: Holding) -> None:
    _, fcm = await asyncio.to_thread(credentials, still.simulator)
    second = msgspec.structs.replace(fcm, fingerprint="second")
    await still.running.registry.add_app("second", None, second)
    await still.running.registry.update_workspace("workspace", apps=("app", "second"))
    await still.hold("second")


async def test_an_android_push_that_may_be_for_the_app_on_hold_is_kept(still: Holding) -> None:
    await two_android_apps(still)
    still.simulator.set_rules([msgspec.structs.replace(OTHERS, times=1)])
    assert (await still.push(ANDROID)).code == "stored_held"
    await still.clock.advance(600)
    assert len(still.simulator.received) == 1
    (item,) = await still.running.gateway.store.page(OutboxItem, None, 9)
    assert item.lane.app == "second"
    still.simulator.set_rules([msgspec.structs.replace(OTHERS, times=1)])
    await still.resumed("second", 3)
    assert [one.status for one in still.simulator.received] == [403, 403, 200]


async def test_an_android_push_that_the_free_app_takes_is_not_kept(still: Holding) -> None:
    await two_android_apps(still)
    assert (await still.push(ANDROID)).code == "delivered"


@pytest.mark.parametrize("delivery", [DeliverySettings(outbox_max=1)])
@HOLDS
async def test_where_nothing_more_can_be_kept_the_server_comes_again(still: Holding, on_hold: str) -> None:
    await still.hold(on_hold)
    assert (await still.push()).code == "stored_held"
    answer = await still.push(PUSHKIT)
    assert (answer.status, answer.code) == (503, "outbox_full")
    assert still.simulator.received == []


@pytest.mark.parametrize("delivery", [DeliverySettings(outbox_max=0)])
async def test_a_push_for_the_app_on_hold_that_cannot_be_kept_comes_again(still: Holding) -> None:
    await two_android_apps(still)
    still.simulator.set_rules([OTHERS])
    answer = await still.push(ANDROID)
    assert (answer.status, answer.code) == (503, "outbox_full")


async def test_who_is_suspended_and_on_hold_is_suspended(still: Holding) -> None:
    await still.running.registry.update_workspace("workspace", suspended=True)
    await still.hold("workspace")
    assert (await still.push()).code == "workspace_suspended"


async def test_a_hold_and_its_end_reach_a_gateway_by_themselves(still: Holding) -> None:
    follower = still.running.gateway.follower
    async with following(still.running.gateway):
        for held in ({"app"}, set()):
            await still.running.registry.update_app("app", held=bool(held))
            await still.passes(lambda wanted=held: follower.snapshot and follower.snapshot.held_apps == wanted)


async def test_the_overview_shows_what_is_on_hold(still: Holding) -> None:
    async def page() -> str:
        return (await still.running.get(f"{still.running.operator_url}/")).body.decode()

    assert "on hold" not in await page()
    await still.hold("app")
    assert "app (on hold)" in await page()
    await still.hold("app", held=False)
    await still.hold("workspace")
    shown = await page()
    assert "<td>on hold</td>" in shown
    assert "app (on hold)" not in shown
    await still.running.registry.update_workspace("workspace", suspended=True)
    await still.running.gateway.follower.check()
    assert "<td>suspended</td>" in await page()


async def test_a_push_that_no_app_has_yet_counts_under_none(still: Holding) -> None:
    await still.hold("workspace")
    await still.push(topic=NEW_TOPIC)
    page = (await still.running.get(f"{still.running.operator_url}/metrics")).body.decode()
    assert 'push_requests_total{app="none",outcome="stored",platform="apn",reason="stored_held"} 1.0' in page
