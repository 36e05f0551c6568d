"""From what goes wrong to the webhook, the log, the overview and the metrics."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from gateway.app import following
from gateway.config import AlarmsSettings, DeliverySettings, Settings
from gateway.delivery.canary import AGAIN_SECONDS, LOOK_SECONDS
from gateway.model.notice import Notice, NoticeKind
from gateway.model.secret import Secret
from gateway.providers.simulator import Rule, Simulator
from tests.anywhere import ANYWHERE
from tests.clock import ManualClock
from tests.end_to_end.receiver import Receiver, receiving
from tests.end_to_end.running import ANDROID, IPHONE, credentials, settings_of, start_gateway
from tests.end_to_end.still import Still

KEPT = DeliverySettings()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time.time())


@pytest.fixture
async def simulator(data: Path, clock: ManualClock) -> AsyncIterator[Simulator]:
    """The providers' clock is the gateway's, which may be far ahead of this machine's."""
    async with Simulator(data, ANYWHERE, clock) as running:
        yield running


@pytest.fixture
def settings(simulator: Simulator, receiver: Receiver) -> Settings:
    alarms = AlarmsSettings(webhook_url=Secret(receiver.url), webhook_secret=Secret("hush"))
    return msgspec.structs.replace(settings_of(simulator, KEPT), alarms=alarms)


OpenGateway = Callable[[], Awaitable[Still]]


@pytest.fixture
async def open_gateway(
    simulator: Simulator, settings: Settings, clock: ManualClock, until: Callable[..., Any]
) -> AsyncIterator[OpenGateway]:
    """Open gateways on one store and one clock, which follow it; the first registers the app."""
    async with AsyncExitStack() as cleanup:
        opened: list[Still] = []

        async def open_one() -> Still:
            running = await start_gateway(simulator, cleanup, settings, clock)
            if not opened:
                await running.register()
                await running.prove()
            await cleanup.enter_async_context(following(running.gateway))
            opened.append(Still(running, clock, until))
            return opened[-1]

        yield open_one
        simulator.set_rules([])


@pytest.fixture
async def still(open_gateway: OpenGateway) -> Still:
    return await open_gateway()


async def metrics(still: Still) -> str:
    return (await still.running.get(f"{still.running.operator_url}/metrics")).body.decode()


async def overview(still: Still) -> str:
    return (await still.running.get(f"{still.running.operator_url}/")).body.decode()


async def test_a_provider_in_trouble_is_told_and_so_is_its_end(still: Still, receiver: Receiver) -> None:
    still.simulator.set_rules([Rule(status=503, reason="ServiceUnavailable")])
    with capture_logs() as logs:
        await still.rest()
        await still.passes(lambda: receiver.told("breaker_open"))
        assert receiver.told("breaker_open") == [("on", "apns", "503 ServiceUnavailable")]
        page = await overview(still)
        assert "Apple does not take the pushes of the app app; they are kept and sent later." in page
        assert "503 ServiceUnavailable" in page
        still.simulator.set_rules([])
        await still.passes(lambda: len(receiver.told("breaker_open")) == 2)
    assert receiver.told("breaker_open")[1] == ("over", "apns", "503 ServiceUnavailable")
    assert [one["event"] for one in logs if one["event"].startswith("alarm")] == ["alarm", "alarm_over"]
    assert "Alarms" not in await overview(still)


async def test_refused_credentials_are_told_as_what_they_are(still: Still, receiver: Receiver) -> None:
    still.simulator.set_rules([Rule(status=403, reason="InvalidProviderToken", platform="apns")])
    await still.rest()
    await still.passes(lambda: receiver.alarms)
    assert [(one["alarm"], one["words"]) for one in receiver.alarms] == [
        ("credentials_refused", "403 InvalidProviderToken")
    ]


async def test_pushes_that_ended_undelivered_are_told_after_the_hour(still: Still, receiver: Receiver) -> None:
    still.simulator.set_rules([Rule(status=503, reason="ServiceUnavailable")])
    for _ in range(3):
        assert (await still.push(ANDROID)).status == 200

    def counts() -> list[int]:
        return [int(words.partition(" in all: ")[0]) for _, _, words in receiver.told("dead_letters")]

    await still.passes(lambda: sum(counts()) >= 3, step=30.0)
    assert sum(counts()) == 3
    assert 1 <= len(counts()) <= 2, "each of the hours in which one ended has its alarm"


async def test_nothing_of_a_push_or_a_secret_is_told(still: Still, receiver: Receiver) -> None:
    still.simulator.set_rules([Rule(status=503, reason="ServiceUnavailable")])
    with capture_logs() as logs:
        await still.rest()
        await still.passes(lambda: receiver.alarms)
    told = b"".join(receiver.bodies) + repr(logs).encode()
    for word in (b"hush", b"alice", b"#general", IPHONE.encode(), still.running.secret.encode()):
        assert word not in told


async def test_credentials_are_checked_and_every_gateway_knows_how_it_went(
    open_gateway: OpenGateway, receiver: Receiver
) -> None:
    one, other = await open_gateway(), await open_gateway()
    assert "push_canary_success{" not in await metrics(one)
    await one.passes(lambda: len(one.simulator.received) == 2, step=1.0)
    await one.clock.advance(LOOK_SECONDS)
    await one.passes(lambda: all(list(each.running.gateway.watches.canary.results()) for each in (one, other)))
    for each in (one, other):
        text = await metrics(each)
        assert 'push_canary_success{app="app",provider="apns"} 1.0' in text
        assert 'push_canary_success{app="app",provider="fcm"} 1.0' in text
    assert len(one.simulator.received) == 2, "of two gateways one has asked"
    assert receiver.alarms == []


async def test_a_check_that_fails_twice_is_told_everywhere_until_one_goes_well(
    open_gateway: OpenGateway, receiver: Receiver
) -> None:
    one, other = await open_gateway(), await open_gateway()
    one.simulator.set_rules([Rule(platform="fcm", status=401, reason="UNAUTHENTICATED")])
    await one.passes(lambda: receiver.alarms, step=1.0)
    assert receiver.told("canary_failed") == [("on", "fcm", "401 UNAUTHENTICATED")]
    await one.clock.advance(5.0)
    canaries = [each.running.gateway.watches.canary for each in (one, other)]
    failed = ("app", "fcm", False)
    await one.passes(lambda: all(failed in list(canary.results()) for canary in canaries), step=1.0)
    assert 'push_canary_success{app="app",provider="fcm"} 0.0' in await metrics(other)
    assert "The check of the app app at Google failed" in await overview(other)
    one.simulator.set_rules([])
    await one.passes(lambda: len(receiver.alarms) == 2, step=5.0)
    assert receiver.told("canary_failed")[1][0] == "over"
    assert all(("app", "apns", True) in list(canary.results()) for canary in canaries)


async def test_a_check_that_fails_once_is_told_to_nobody(still: Still, receiver: Receiver) -> None:
    still.simulator.set_rules([Rule(platform="fcm", status=503, times=1)])
    await still.passes(lambda: len(still.simulator.received) == 2, step=1.0)
    await still.clock.advance(AGAIN_SECONDS - 2.0)
    assert len(still.simulator.received) == 2
    await still.passes(lambda: len(still.simulator.received) == 3, step=1.0)
    await still.clock.advance(AGAIN_SECONDS)
    await still.clock.advance(AGAIN_SECONDS)
    assert receiver.alarms == []


async def test_a_check_moves_no_breaker_and_leaves_no_trace_of_a_push(still: Still) -> None:
    gateway = still.running.gateway
    before = (await still.log(), gateway.devices.statistics(), gateway.deliveries.statistics())
    still.simulator.set_rules([Rule(status=503)])
    await still.passes(lambda: len(still.simulator.received) == 4, step=1.0)
    await still.clock.advance(5.0)
    assert gateway.owed.breakers.open() == set()
    assert (await still.log(), gateway.devices.statistics(), gateway.deliveries.statistics()) == before


@pytest.mark.parametrize("open_for", ["production", "sandbox"])
async def test_a_key_for_one_of_two_environments_is_good(still: Still, receiver: Receiver, open_for: str) -> None:
    closed = "sandbox" if open_for == "production" else "production"
    still.simulator.set_rules([Rule(environment=closed, status=403, reason="BadEnvironmentKeyIdInToken")])
    apns, _ = await asyncio.to_thread(credentials, still.simulator, environment="auto")
    await still.running.registry.replace_credentials("app", apns, None)
    await still.running.gateway.follower.check()
    await still.passes(lambda: list(still.running.gateway.watches.canary.results()), step=1.0)
    await still.clock.advance(2 * AGAIN_SECONDS)
    assert receiver.alarms == []


async def test_without_checks_nothing_is_asked_and_an_old_failure_is_over(
    simulator: Simulator, settings: Settings, until: Callable[..., Any]
) -> None:
    providers = msgspec.structs.replace(settings.providers, canary_every=0.0)
    clock = ManualClock(time.time())
    async with AsyncExitStack() as cleanup:
        unchecked = msgspec.structs.replace(settings, providers=providers)
        running = await start_gateway(simulator, cleanup, unchecked, clock)
        await running.register()
        failed = Notice(kind=NoticeKind.CANARY_FAILED, subject="app", about="fcm", at=clock.now())
        await running.gateway.store.notices.post(failed)
        await cleanup.enter_async_context(following(running.gateway))
        still = Still(running, clock, until)
        await still.passes(lambda: running.gateway.notices.all())
        await still.passes(lambda: not running.gateway.notices.all(), step=5.0)
        assert simulator.received == []
