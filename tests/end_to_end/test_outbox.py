"""What could not be delivered in time is kept, answered 200, and seen through."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest

from gateway.config import DeliverySettings
from gateway.delivery.breaker import TRIP_SECONDS
from gateway.delivery.devices import device_hash
from gateway.model.outbox import Claim, OutboxItem
from gateway.providers.simulator import Rule, Simulator
from tests.clock import ManualClock
from tests.end_to_end.running import ANDROID, IPHONE, credentials, message, settings_of, start_gateway
from tests.end_to_end.still import Still

DOWN = Rule(status=503, reason="ServiceUnavailable")
PROVIDERS = pytest.mark.parametrize(("platform", "token"), [("apn", IPHONE), ("gcm", ANDROID)])


@pytest.fixture
def delivery() -> DeliverySettings:
    return DeliverySettings()


@pytest.fixture
async def still(simulator: Simulator, delivery: DeliverySettings, until: Callable[..., Any]) -> AsyncIterator[Still]:
    clock = ManualClock(time.time())
    async with AsyncExitStack() as cleanup:
        settings = await asyncio.to_thread(settings_of, simulator, delivery)
        running = await start_gateway(simulator, cleanup, settings, clock)
        await running.register()
        await running.prove()
        still = Still(running, clock, until)
        await still.log()
        yield still
        simulator.set_rules([])


@PROVIDERS
async def test_what_the_provider_cannot_take_is_kept_and_sent_again(still: Still, platform: str, token: str) -> None:
    still.simulator.set_rules([Rule(status=503, times=2)])
    answer = await still.push(token)
    assert (answer.status, answer.body, answer.code) == (200, b"", "stored_later")
    received = await still.received(3)
    assert [entry.status for entry in received] == [503, 503, 200]
    assert received[0].payload == received[1].payload == received[2].payload
    await still.empty()
    delivered = (await still.log())[-1]
    assert (delivered.id, delivered.outcome, delivered.attempts) == (answer.headers["X-Request-Id"], "delivered", 3)
    assert delivered.provider_status == 200


async def test_every_attempt_has_the_same_id_so_that_a_repetition_replaces_its_twin(still: Still) -> None:
    still.simulator.set_rules([Rule(status=503, times=1)])
    answer = await still.push()
    first, second = await still.received(2)
    assert first.headers["apns-id"] == second.headers["apns-id"] == answer.headers["X-Request-Id"]
    assert first.headers["apns-collapse-id"] == second.headers["apns-collapse-id"]
    assert abs(int(first.headers["apns-expiration"]) - int(second.headers["apns-expiration"])) <= 1  # rounded


async def test_a_server_waits_no_longer_than_it_should(still: Still, until: Callable[..., Any]) -> None:
    still.simulator.set_rules([Rule(h2="silent", times=1)])
    pushed = asyncio.create_task(still.push())
    await until(lambda: still.simulator.received)
    await still.clock.advance(0.49)
    assert not pushed.done()
    await still.clock.advance(0.02)
    answer = await pushed
    assert (answer.status, answer.code) == (200, "stored_slow")
    await still.received(2)
    await still.empty()
    assert [one.outcome for one in await still.log()][-1] == "delivered"


async def test_an_attempt_that_ends_after_the_answer_is_the_last(still: Still, until: Callable[..., Any]) -> None:
    still.simulator.set_rules([Rule(delay_ms=1, times=1)])
    pushed = asyncio.create_task(still.push())
    await still.clock.advance(0.6)
    answer = await pushed
    assert answer.status == 200
    await still.empty()
    await still.clock.advance(60)
    assert len(still.simulator.received) == 1
    assert [one.outcome for one in await still.log()][-1] == "delivered"


async def test_while_an_attempt_goes_on_nobody_else_makes_one(still: Still, until: Callable[..., Any]) -> None:
    """The item is leased, and the lease renewed for as long as the attempt takes."""
    still.simulator.set_rules([Rule(h2="silent", times=1)])
    pushed = asyncio.create_task(still.push())
    await until(lambda: still.simulator.received)
    await still.clock.advance(0.6)
    await pushed
    for _ in range(9):
        await still.clock.advance(1.0)
        await asyncio.sleep(0.01)
        now = still.clock.now()
        claim = Claim(owner="another", now=now, until=now + 1, limit=9)
        assert await still.running.gateway.store.outbox.claim(claim) == []
    await still.empty()


@PROVIDERS
async def test_a_provider_in_trouble_is_left_alone_and_nobody_waits_for_it(
    still: Still, platform: str, token: str
) -> None:
    still.simulator.set_rules([Rule(status=503)])
    tokens = await still.rest(token)
    asked = len(still.simulator.received)
    others = [f"{token[:-3]}{number:03}" for number in range(5)]
    assert [(await still.push(one)).code for one in others] == ["stored_resting"] * 5
    assert len(still.simulator.received) == asked
    still.simulator.set_rules([])
    await still.empty()
    assert {entry.token for entry in still.simulator.received if entry.status == 200} == {*tokens, *others}


async def test_pushes_to_one_device_keep_their_order(still: Still) -> None:
    still.simulator.set_rules([Rule(status=503)])
    for number in range(8):
        answer = await still.push(notId=number)
        assert answer.status == 200
    still.simulator.set_rules([])
    await still.passes(lambda: any(entry.status == 200 for entry in still.simulator.received))
    await still.push(notId=8)
    await still.empty()
    taken = [entry.payload["aps"]["thread-id"] for entry in still.simulator.received if entry.status == 200]
    assert taken == [str(number) for number in range(9)]


async def test_afterwards_pushes_go_out_at_once_again(still: Still) -> None:
    still.simulator.set_rules([Rule(status=503, times=1)])
    assert (await still.push()).code == "stored_later"
    assert (await still.push()).code == "stored_in_line"
    await still.empty()
    await still.clock.advance(2)
    await asyncio.sleep(0.05)
    await still.clock.advance(2)
    assert (await still.push()).code == "delivered"


async def test_another_gateway_on_the_store_keeps_the_order_too(still: Still) -> None:
    still.simulator.set_rules([Rule(status=503)])
    assert (await still.push(notId=1)).code == "stored_later"
    async with AsyncExitStack() as cleanup:
        settings = await asyncio.to_thread(settings_of, still.simulator, DeliverySettings())
        other = await start_gateway(still.simulator, cleanup, settings, still.clock)
        other.secret = still.running.secret
        await still.clock.advance(0.001)
        still.simulator.set_rules([])
        assert (await other.push("apn", message(IPHONE, notId=2))).code == "stored_in_line"
        await still.empty()
    taken = [entry.payload["aps"]["thread-id"] for entry in still.simulator.received if entry.status == 200]
    assert taken == ["1", "2"]


async def test_another_provider_is_not_touched(still: Still) -> None:
    still.simulator.set_rules([Rule(platform="apns", status=503)])
    await still.rest()
    assert (await still.push(ANDROID)).code == "delivered"


async def test_an_app_in_trouble_does_not_hide_the_next(still: Still) -> None:
    running = still.running
    _, fcm = await asyncio.to_thread(credentials, running.simulator)
    await running.registry.add_app("gone", None, msgspec.structs.replace(fcm, project_id="gone", fingerprint="gone"))
    await running.registry.update_workspace("workspace", apps=("gone", "app"))
    await running.gateway.follower.check()
    codes = []
    for number in range(20):
        codes.append((await still.push(f"{ANDROID}{number:03}")).code)
        await still.clock.advance(TRIP_SECONDS / 5)
    assert codes == ["delivered"] * 20


@PROVIDERS
async def test_a_push_expires_at_its_own_time(still: Still, platform: str, token: str) -> None:
    still.simulator.set_rules([Rule(status=503)])
    answer = await still.running.push(platform, message(token, apn={"expirationSeconds": 30}))
    assert answer.code == "stored_later"
    await still.empty()
    expired = (await still.log())[-1]
    assert (expired.id, expired.outcome, expired.reason) == (answer.headers["X-Request-Id"], "expired", "expired")
    assert 0 < expired.ms <= 40_000
    sent = len(still.simulator.received)
    still.simulator.set_rules([])
    await still.clock.advance(600)
    assert len(still.simulator.received) == sent


async def test_a_token_found_dead_late_is_told_with_the_next_push_once(still: Still) -> None:
    still.simulator.set_rules([Rule(status=503, times=1), Rule(status=410, reason="Unregistered", times=1)])
    assert (await still.push()).code == "stored_later"
    await still.received(2)
    await still.empty()
    answer = await still.push()
    assert (answer.status, answer.code) == (406, "apns_unregistered")
    gateway = still.running.gateway
    await still.passes(lambda: not gateway.owed.outbox.waits(device_hash(gateway.vault, IPHONE)))
    assert len(still.simulator.received) == 2
    assert (await still.push()).code == "delivered"
    assert [one.outcome for one in await still.log()][-3:] == ["token_dead", "token_dead", "delivered"]


async def test_a_ring_is_kept_for_its_minute_only(still: Still) -> None:
    still.simulator.set_rules([Rule(status=503)])
    topic = f"{message(IPHONE)['options']['topic']}.voip"
    payload = {"notificationType": "voip", "type": "incoming_call", "callId": "c1", "rid": "R"}
    answer = await still.push(topic=topic, payload=payload)
    assert answer.code == "stored_later"
    await still.clock.advance(61)
    await still.empty()
    still.simulator.set_rules([])
    assert (await still.log())[-1].outcome == "expired"
    assert all(entry.status == 503 for entry in still.simulator.received)


@pytest.mark.parametrize("seconds", [1, 20])
async def test_the_provider_says_when_to_come_again(still: Still, seconds: int) -> None:
    still.simulator.set_rules([Rule(status=503, retry_after=seconds, times=1)])
    await still.push()
    (item,) = await still.running.gateway.store.page(OutboxItem, None, 9)
    assert still.clock.now() + seconds - 0.1 <= item.due_at <= still.clock.now() + seconds + 1


@pytest.mark.parametrize(
    ("delivery", "code"),
    [
        (DeliverySettings(outbox_max=3), "outbox_full"),
        (DeliverySettings(outbox_max_per_workspace=3), "outbox_share_full"),
    ],
)
async def test_over_the_limit_the_server_is_asked_to_come_again(still: Still, code: str) -> None:
    still.simulator.set_rules([Rule(status=503)])
    answers = [await still.push(f"{number:064x}") for number in range(5)]
    assert answers[0].code == "stored_later"
    assert answers[-1].code == "apns_service_unavailable"
    await still.clock.advance(TRIP_SECONDS)
    while answers[-1].code != code:
        answers.append(await still.push())
    assert (await still.running.gateway.store.outbox.count()).total == sum(answer.status == 200 for answer in answers)
    refused = [answer for answer in answers if answer.status != 200]
    assert len(answers) - len(refused) <= 3
    assert {(answer.status, int(answer.headers["Retry-After"]) > 0) for answer in refused} == {(503, True)}
    still.simulator.set_rules([])
    await still.empty()
    await still.clock.advance(2)
    assert (await still.push()).status == 200


@pytest.mark.parametrize("delivery", [DeliverySettings(outbox_max_per_workspace=1)])
async def test_one_workspace_does_not_take_the_place_of_others(still: Still) -> None:
    still.simulator.set_rules([Rule(status=503)])
    other = await still.running.registry.add_workspace("other", ("app",))
    await still.running.gateway.follower.check()
    assert [(await still.push(f"{number:064x}")).status for number in range(2)] == [200, 503]
    still.running.secret = other.secret.reveal()
    assert (await still.push()).code == "stored_later"


@pytest.mark.parametrize("delivery", [DeliverySettings(fcm_repeat_unanswered=False)])
async def test_google_is_asked_once_where_nothing_may_be_shown_twice(still: Still, until: Callable[..., Any]) -> None:
    still.simulator.set_rules([Rule(platform="fcm", h2="silent", times=1)])
    pushed = asyncio.create_task(still.push(ANDROID))
    await until(lambda: still.simulator.received)
    await still.clock.advance(0.6)
    assert (await pushed).code == "stored_slow"
    await still.empty()
    await still.clock.advance(60)
    assert len(still.simulator.received) == 1
    assert ((await still.log())[-1].outcome, (await still.log())[-1].reason) == ("rejected", "fcm_unanswered")


async def test_what_is_owed_to_a_suspended_workspace_is_cleared(still: Still) -> None:
    still.simulator.set_rules([Rule(status=503)])
    await still.push()
    await still.running.registry.update_workspace("workspace", suspended=True)
    await still.running.gateway.follower.check()
    await still.empty()
    assert ((await still.log())[-1].outcome, (await still.log())[-1].reason) == ("cleared", "workspace_gone")


async def test_what_is_owed_to_a_removed_workspace_is_cleared(still: Still) -> None:
    still.simulator.set_rules([Rule(status=503)])
    await still.push()
    await still.running.registry.remove_workspace("workspace")
    await still.running.gateway.follower.check()
    await still.empty()
    assert {entry.status for entry in still.simulator.received} == {503}
    assert (await still.log())[-1].outcome == "cleared"


async def test_metrics_and_log_lines_tell_of_what_is_owed_and_hold_nothing_private(still: Still) -> None:
    still.simulator.set_rules([Rule(status=503)])
    kept = float(len(await still.rest()))
    await still.clock.advance(1)
    await asyncio.sleep(0.05)
    page = (await still.running.get(f"{still.running.operator_url}/metrics")).body.decode()
    assert f"push_outbox_items {kept}" in page
    assert 'push_breaker_open{app="app",provider="apns"} 1.0' in page
    assert f'outcome="stored",platform="apn",reason="stored_later"}} {kept}' in page
    still.simulator.set_rules([])
    await still.empty()
    page = (await still.running.get(f"{still.running.operator_url}/metrics")).body.decode()
    assert "push_breaker_open{" not in page
    labels = 'app="app",outcome="delivered",platform="apn",reason="delivered"'
    assert f"push_stored_finished_total{{{labels}}} {kept}" in page
