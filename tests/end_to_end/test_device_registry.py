"""What pushes teach about devices, and when Apple's word ends one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from gateway.app import open_store
from gateway.delivery.devices import device_hash
from gateway.model.device import Device, DeviceQuery
from gateway.providers.simulator import Rule, Simulator
from tests.clock import ManualClock
from tests.end_to_end.running import ANDROID, IPHONE, Answer, Running, credentials, message, settings_of, start_gateway

DAY = 86_400.0


async def known(gateway: Running, token: str) -> Device | None:
    return await gateway.gateway.devices.known(device_hash(gateway.gateway.vault, token))


async def test_a_delivered_push_makes_its_device_known(gateway: Running) -> None:
    before = gateway.gateway.clock.now()
    await gateway.prove()
    iphone, android = await known(gateway, IPHONE), await known(gateway, ANDROID)
    assert iphone is not None
    assert android is not None
    assert (iphone.platform, iphone.app, iphone.environment) == ("apn", "app", "production")
    assert (android.platform, android.app, android.environment) == ("gcm", "app", None)
    assert iphone.workspaces == android.workspaces == ("workspace",)
    assert iphone.token.reveal() == IPHONE
    assert iphone.last_success is not None
    assert before <= iphone.first_seen <= iphone.last_success <= gateway.gateway.clock.now()


async def test_which_of_apples_hosts_took_it_is_learned(gateway: Running) -> None:
    apns, _ = await asyncio.to_thread(credentials, gateway.simulator, environment="auto")
    await gateway.registry.replace_credentials("app", apns, None)
    await gateway.gateway.follower.check()
    gateway.simulator.set_rules([Rule(environment="production", status=400, reason="BadDeviceToken")])
    assert (await gateway.push("apn", message(IPHONE))).status == 200
    device = await known(gateway, IPHONE)
    assert device is not None
    assert device.environment == "sandbox"


@pytest.mark.parametrize("reason", ["BadDeviceToken", "DeviceTokenNotForTopic", "TooManyRequests"])
async def test_who_does_not_know_the_token_is_not_learned(gateway: Running, reason: str) -> None:
    gateway.simulator.set_rules([Rule(reason=reason)])
    await gateway.push("apn", message(IPHONE))
    device = await known(gateway, IPHONE)
    assert device is not None
    assert (device.app, device.environment, device.last_success, device.dead_since) == (None, None, None, None)


async def test_pushes_that_reach_no_provider_leave_no_device(gateway: Running) -> None:
    await gateway.push("gcm", b"{broken")
    await gateway.push("apn", message(IPHONE, topic="com.example.unknown"))
    await gateway.post("/w/wrong/push/gcm/send", message(ANDROID))
    assert gateway.gateway.devices.statistics().waiting == 0


async def test_a_dead_android_device_is_remembered_with_the_reason(gateway: Running) -> None:
    await gateway.prove()
    gateway.simulator.set_rules([Rule(status=404, reason="UNREGISTERED")])
    assert (await gateway.push("gcm", message(ANDROID))).status == 406
    device = await known(gateway, ANDROID)
    assert device is not None
    assert device.dead_reason == "fcm_unregistered"
    assert device.dead_since == device.refused_at == device.last_seen


async def test_what_was_learned_is_in_the_store_when_the_gateway_has_stopped(simulator: Simulator) -> None:
    settings = await asyncio.to_thread(settings_of, simulator)
    async with AsyncExitStack() as cleanup:
        gateway = await start_gateway(simulator, cleanup, settings)
        await gateway.register()
        await gateway.prove()
    async with open_store(settings) as opened:
        devices = await opened.store.devices.find(DeviceQuery(), None, 9)
    assert {device.token.reveal() for device in devices} == {IPHONE, ANDROID}


class Aging:
    """A gateway in which days pass when a test says so, and an Apple that says since when a device is gone."""

    def __init__(self, running: Running, clock: ManualClock) -> None:
        self.running = running
        self.clock = clock

    async def delivered(self) -> None:
        self.running.simulator.set_rules([Rule(status=200)])
        assert (await self.running.push("apn", message(IPHONE))).status == 200

    async def gone_since(self, seconds_ago: float) -> Answer:
        at = self.clock.now() - seconds_ago
        self.running.simulator.set_rules([Rule(status=410, reason="Unregistered", timestamp=round(at * 1000))])
        return await self.running.push("apn", message(IPHONE))

    async def codes(self, *seconds_ago: float) -> list[tuple[int, str]]:
        answers = [await self.gone_since(one) for one in seconds_ago]
        return [(answer.status, answer.code) for answer in answers]


@pytest.fixture
async def aging(simulator: Simulator) -> AsyncIterator[Aging]:
    settings = await asyncio.to_thread(settings_of, simulator)
    clock = ManualClock()
    async with AsyncExitStack() as cleanup:
        running = await start_gateway(simulator, cleanup, settings, clock, works_off=False)
        await running.register()
        yield Aging(running, clock)


DEAD, STALE = (406, "apns_unregistered"), (422, "apns_unregistered_stale")


async def test_a_death_after_the_first_sight_ends_the_token(aging: Aging) -> None:
    await aging.delivered()
    await aging.clock.advance(60.0)
    assert await aging.codes(30.0) == [DEAD]
    device = await known(aging.running, IPHONE)
    assert device is not None
    assert (device.dead_reason, device.dead_since) == ("apns_unregistered", aging.clock.now() - 30.0)


async def test_a_death_before_the_first_sight_does_not(aging: Aging) -> None:
    await aging.delivered()
    assert await aging.codes(30.0) == [STALE]
    device = await known(aging.running, IPHONE)
    assert device is not None
    assert (device.stale_count, device.dead_since) == (1, None)


async def test_a_token_never_seen_before_has_its_first_sight_with_the_push(aging: Aging) -> None:
    assert await aging.codes(0.001) == [STALE]
    await aging.clock.advance(60.0)
    assert await aging.codes(30.0) == [DEAD]


async def test_three_stale_verdicts_over_a_day_end_the_token(aging: Aging) -> None:
    await aging.delivered()
    assert await aging.codes(30.0) == [STALE]
    await aging.clock.advance(DAY - 1.0)
    assert await aging.codes(2 * DAY) == [STALE]
    assert await aging.codes(2 * DAY) == [STALE]
    await aging.clock.advance(1.0)
    assert await aging.codes(2 * DAY) == [DEAD]


async def test_two_stale_verdicts_are_not_enough_however_long_ago_the_first_was(aging: Aging) -> None:
    await aging.delivered()
    assert await aging.codes(30 * DAY) == [STALE]
    await aging.clock.advance(DAY + 1.0)
    assert await aging.codes(30 * DAY, 30 * DAY) == [STALE, DEAD]


async def test_a_delivery_in_between_begins_the_count_anew(aging: Aging) -> None:
    await aging.delivered()
    assert await aging.codes(9 * DAY) == [STALE]
    await aging.clock.advance(DAY)
    assert await aging.codes(9 * DAY) == [STALE]
    await aging.delivered()
    assert await aging.codes(9 * DAY) == [STALE]


async def test_a_token_that_comes_back_after_its_406_does_not_die_of_the_same_death(aging: Aging) -> None:
    await aging.delivered()
    await aging.clock.advance(60.0)
    assert await aging.codes(30.0) == [DEAD]
    await aging.clock.advance(60.0)
    assert await aging.codes(90.0) == [STALE]
    await aging.clock.advance(60.0)
    assert await aging.codes(30.0) == [DEAD]


async def test_a_death_without_a_date_ends_the_token_at_once(gateway: Running) -> None:
    gateway.simulator.set_rules([Rule(platform="fcm", status=404, reason="UNREGISTERED")])
    assert (await gateway.push("gcm", message(ANDROID))).status == 406


async def test_while_the_store_cannot_be_asked_a_dated_death_is_for_later(aging: Aging) -> None:
    await aging.delivered()
    await aging.clock.advance(60.0)
    await aging.running.gateway.store.close()
    answer = await aging.gone_since(30.0)
    assert (answer.status, answer.code) == (503, "store_unavailable")
