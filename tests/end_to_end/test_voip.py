"""A phone that is to ring cannot wait: within its minute a call is tried again at once, and never after it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.config import DeliverySettings
from gateway.delivery.breaker import LONGEST_SECONDS
from gateway.delivery.redelivery import IDLE_SECONDS
from gateway.delivery.retry import RING_LONGEST_SECONDS
from gateway.model.outbox import OutboxItem
from gateway.providers.simulator import Rule, Simulator
from gateway.rocketchat.answer import PATIENCE
from tests.anywhere import ANYWHERE
from tests.clock import ManualClock
from tests.end_to_end.running import (
    ANDROID,
    IPHONE,
    KEEPING_NOTHING,
    PUSHKIT,
    TOPIC,
    Answer,
    credentials,
    settings_of,
    start_gateway,
)
from tests.end_to_end.still import Still

RING_SECONDS = 60.0
PHONES = pytest.mark.parametrize("phone", [PUSHKIT, ANDROID], ids=["apn", "gcm"])


class Ringing(Still):
    """A gateway, and a server on which people call each other."""

    async def ring(self, phone: str = PUSHKIT, age: float = 0.0) -> Answer:
        """Let a phone ring for a call that was begun `age` seconds ago."""
        created = datetime.fromtimestamp(self.clock.now() - age, UTC).isoformat(timespec="milliseconds")
        call = {"host": "https://chat.example.org/", "callId": "c1", "caller": {"id": "u2", "name": "Alice"}}
        kind = {"notificationType": "voip", "type": "incoming_call", "createdAt": created}
        return await self.push(phone, topic=f"{TOPIC}.voip", payload={**call, **kind})

    async def end(self, phone: str = IPHONE) -> Answer:
        """Tell a phone that the call is over; an iPhone by its other token."""
        call = {"host": "https://chat.example.org/", "callId": "c1", "notificationType": "voip", "type": "remoteEnded"}
        return await self.push(phone, payload=call)

    async def failed(self, attempts: int) -> None:
        """Let time pass until so many attempts have failed, then let the provider take what comes."""
        await self.passes(lambda: len(self.simulator.received) >= attempts, step=0.01)
        self.simulator.set_rules([])

    async def recovered(self) -> float:
        """Let the provider take what comes, and time pass until it has taken something; return how much."""
        self.simulator.set_rules([])
        before, asked = self.clock.now(), len(self.simulator.received)
        await self.passes(lambda: len(self.simulator.received) > asked, step=0.01)
        return self.simulator.received[asked].at - before

    @property
    def statuses(self) -> list[int]:
        return [one.status for one in self.simulator.received]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time.time())


@pytest.fixture
async def simulator(data: Path, clock: ManualClock) -> AsyncIterator[Simulator]:
    """Minutes pass by the gateway's clock."""
    async with Simulator(data, ANYWHERE, clock) as running:
        yield running


@pytest.fixture
def delivery() -> DeliverySettings:
    return DeliverySettings()


@pytest.fixture
async def still(
    simulator: Simulator, delivery: DeliverySettings, clock: ManualClock, until: Callable[..., Any]
) -> AsyncIterator[Ringing]:
    async with AsyncExitStack() as cleanup:
        settings = await asyncio.to_thread(settings_of, simulator, delivery)
        running = await start_gateway(simulator, cleanup, settings, clock)
        await running.register()
        await running.prove()
        still = Ringing(running, clock, until)
        await still.log()
        yield still
        simulator.set_rules([])


@PHONES
async def test_a_phone_rings_within_seconds_of_the_providers_recovery(still: Ringing, phone: str) -> None:
    still.simulator.set_rules([Rule(status=503, times=3)])
    begun = still.clock.now()
    assert (await still.ring(phone)).code == "stored_later"
    await still.passes(lambda: len(still.simulator.received) >= 4, step=0.01)
    assert still.statuses == [503, 503, 503, 200]
    assert still.clock.now() - begun < 20.0
    await still.empty()
    assert [one.outcome for one in await still.log()][-1] == "delivered"


async def test_what_a_provider_asks_to_be_left_alone_is_cut_to_what_a_ring_can_wait(still: Ringing) -> None:
    still.simulator.set_rules([Rule(status=503, retry_after=50, times=1)])
    assert (await still.ring()).code == "stored_later"
    begun = still.clock.now()
    await still.passes(lambda: len(still.simulator.received) >= 2, step=0.01)
    assert still.clock.now() - begun < RING_LONGEST_SECONDS + 10.0


@PHONES
async def test_no_phone_rings_when_its_minute_is_over(still: Ringing, phone: str) -> None:
    still.simulator.set_rules([Rule(status=503)])
    assert (await still.ring(phone)).code == "stored_later"
    await still.clock.advance(RING_SECONDS)
    still.simulator.set_rules([])
    await still.empty()
    await still.clock.advance(RING_SECONDS)
    assert set(still.statuses) == {503}


@PHONES
async def test_a_ring_that_came_too_late_counts_as_expired(still: Ringing, phone: str) -> None:
    still.simulator.set_rules([Rule(status=503)])
    answer = await still.ring(phone)
    await still.clock.advance(RING_SECONDS)
    await still.empty()
    ended = (await still.log())[-1]
    assert (ended.id, ended.outcome, ended.reason) == (answer.headers["X-Request-Id"], "expired", "expired")
    page = (await still.running.get(f"{still.running.operator_url}/metrics")).body.decode()
    platform = "gcm" if phone == ANDROID else "apn"
    labels = f'app="app",outcome="expired",platform="{platform}",reason="expired"'
    assert f"push_stored_finished_total{{{labels}}} 1.0" in page


async def test_a_ring_whose_minute_ends_during_a_slow_attempt_counts_as_expired(still: Ringing) -> None:
    still.simulator.set_rules([Rule(status=503, delay_ms=5000)])
    ringing = asyncio.create_task(still.ring(age=57.0))
    await still.asked()
    await still.clock.advance(0.6)
    assert (await ringing).code == "stored_slow"
    await still.clock.advance(5.0)
    await still.empty()
    assert (await still.log())[-1].outcome == "expired"
    assert len(still.simulator.received) == 1


async def test_a_ring_whose_minute_ends_between_two_apps_counts_as_expired_and_rings_no_phone(still: Ringing) -> None:
    _, fcm = await asyncio.to_thread(credentials, still.simulator)
    await still.running.registry.add_app("second", None, msgspec.structs.replace(fcm, fingerprint="second"))
    await still.running.registry.update_workspace("workspace", apps=("app", "second"))
    await still.running.gateway.follower.check()
    still.simulator.set_rules([Rule(status=403, reason="SENDER_ID_MISMATCH", delay_ms=5000)])
    ringing = asyncio.create_task(still.ring(ANDROID, age=57.0))
    await still.simulator.next_received()
    await still.clock.advance(0.6)
    assert (await ringing).code == "stored_slow"
    await still.clock.advance(5.0)
    await still.empty()
    assert (await still.log())[-1].outcome == "expired"
    assert len(still.simulator.received) == 1


async def test_a_ring_that_is_late_already_is_refused(still: Ringing) -> None:
    answer = await still.ring(age=61.0)
    assert (answer.status, answer.code) == (422, "voip_expired")
    assert still.simulator.received == []


@PHONES
async def test_a_provider_keeps_a_ring_no_longer_than_what_is_left_of_its_minute(still: Ringing, phone: str) -> None:
    still.simulator.set_rules([Rule(status=503, times=1)])
    begun = still.clock.now()
    await still.ring(phone, age=20.0)
    await still.failed(2)
    for received in still.simulator.received:
        left = begun + 40.0 - received.at
        if phone == ANDROID:
            kept = float(received.payload["android"]["ttl"].removesuffix("s"))
        else:
            kept = int(received.headers["apns-expiration"]) - received.at
        assert 0 < kept <= left + 1.0


async def test_a_ring_is_attempted_though_the_lane_rests(still: Ringing) -> None:
    still.simulator.set_rules([Rule(status=503)])
    await still.rest()
    asked = len(still.simulator.received)
    assert (await still.push("c" * 64)).code == "stored_resting"
    still.simulator.set_rules([])
    assert (await still.ring()).code == "delivered"
    assert len(still.simulator.received) == asked + 1


async def test_a_stored_ring_does_not_rest_with_its_lane(still: Ringing) -> None:
    still.simulator.set_rules([Rule(status=503, retry_after=60)])
    await still.rest()
    assert (await still.ring()).code == "stored_later"
    assert await still.recovered() <= RING_LONGEST_SECONDS + IDLE_SECONDS + 0.5 < LONGEST_SECONDS
    assert still.simulator.received[-1].token == PUSHKIT
    await still.passes(lambda: not still.running.gateway.owed.breakers.open(), step=0.001)


async def test_a_stored_ring_is_left_alone_while_its_app_is_on_hold(still: Ringing) -> None:
    await still.running.registry.update_app("app", held=True)
    await still.running.gateway.follower.check()
    assert (await still.ring()).code == "stored_held"
    (stored,) = await still.running.gateway.store.page(OutboxItem, None, 9)
    await still.clock.advance(RING_SECONDS / 2)
    assert await still.running.gateway.store.page(OutboxItem, None, 9) == [stored]
    assert still.simulator.received == []
    await still.running.registry.update_app("app", held=False)
    await still.running.gateway.follower.check()
    await still.received(1)


@pytest.mark.parametrize(("phone", "other"), [(PUSHKIT, IPHONE), (ANDROID, ANDROID)], ids=["apn", "gcm"])
async def test_the_end_of_a_call_comes_after_its_ring(still: Ringing, phone: str, other: str) -> None:
    still.simulator.set_rules([Rule(status=503)])
    assert (await still.ring(phone)).code == "stored_later"
    assert (await still.end(other)).code == "stored_in_line"
    still.simulator.set_rules([])
    await still.empty()
    taken = [one.token for one in still.simulator.received if one.status == 200]
    assert taken == [phone, other]


async def test_no_ring_waits_for_that_of_another_phone(still: Ringing) -> None:
    still.simulator.set_rules([Rule(token_prefix=PUSHKIT, status=503)])
    assert (await still.ring()).code == "stored_later"
    assert (await still.ring("d" * 64)).code == "delivered"


@pytest.mark.parametrize("delivery", [KEEPING_NOTHING])
@PHONES
async def test_where_nothing_can_be_kept_a_ring_is_tried_again_while_its_server_waits(
    still: Ringing, phone: str
) -> None:
    still.simulator.set_rules([Rule(status=503, times=3)])
    ringing = asyncio.create_task(still.ring(phone))
    await still.passes(ringing.done, step=0.01)
    answer = await ringing
    assert (answer.status, answer.code) == (200, "delivered")
    assert still.statuses == [503, 503, 503, 200]
    assert [(one.outcome, one.attempts) for one in await still.log()][-1] == ("delivered", 4)


@pytest.mark.parametrize("delivery", [KEEPING_NOTHING])
async def test_a_ring_that_cannot_be_kept_is_answered_in_time_and_the_pauses_grow(still: Ringing) -> None:
    still.simulator.set_rules([Rule(status=503)])
    begun = still.clock.now()
    ringing = asyncio.create_task(still.ring())
    await still.passes(ringing.done, step=0.01)
    answer = await ringing
    assert (answer.status, answer.code) == (503, "apns_service_unavailable")
    assert still.clock.now() - begun <= PATIENCE + 0.1
    times = [one.at for one in still.simulator.received]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) in range(5, 10)
    assert pauses[-1] >= RING_LONGEST_SECONDS - 0.5


@pytest.mark.parametrize("delivery", [KEEPING_NOTHING])
async def test_a_ring_that_cannot_be_kept_is_not_tried_when_its_minute_is_over(still: Ringing) -> None:
    still.simulator.set_rules([Rule(status=503)])
    begun = still.clock.now()
    ringing = asyncio.create_task(still.ring(age=57.0))
    await still.passes(ringing.done, step=0.01)
    assert (await ringing).status == 503
    assert max(one.at for one in still.simulator.received) < begun + 3.1


@pytest.mark.parametrize("delivery", [KEEPING_NOTHING])
@PHONES
async def test_no_attempt_outlasts_the_minute_of_its_ring(still: Ringing, phone: str) -> None:
    still.simulator.set_rules([Rule(delay_ms=9000)])
    begun = still.clock.now()
    ringing = asyncio.create_task(still.ring(phone, age=57.0))
    await still.simulator.next_received()
    await still.passes(ringing.done, step=0.01)
    assert (await ringing).status == 503
    assert still.clock.now() - begun < 5.0


@pytest.mark.parametrize("delivery", [KEEPING_NOTHING])
async def test_no_server_is_kept_waiting_for_a_message(still: Ringing) -> None:
    still.simulator.set_rules([Rule(status=503, times=1)])
    pushing = asyncio.create_task(still.push())
    await still.passes(pushing.done)
    assert (await pushing).status == 503
    assert len(still.simulator.received) == 1
