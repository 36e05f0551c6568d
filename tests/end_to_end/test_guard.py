"""Other people's tokens: when many of an app are called dead at once, none of them ends.

A key for Apple's sandbox behind a production app, a database of tokens from another project: to the provider each
token is as good as dead, and each 406 would be for ever.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet

from gateway.app import following
from gateway.config import DeliverySettings, EncryptionSettings, GuardSettings, Settings, StoreSettings
from gateway.delivery.guard_watch import LOOK_SECONDS
from gateway.delivery.notices import POLL_SECONDS
from gateway.model.app import ApnsEnvironment
from gateway.model.notice import NoticeKind
from gateway.model.secret import Secret
from gateway.model.store_url import StoreUrl
from gateway.providers.simulator import Rule, Simulator
from tests.cli.process import push_gateway
from tests.clock import ManualClock
from tests.end_to_end.running import (
    PUSHKIT,
    TOPIC,
    Running,
    credentials,
    message,
    settings_of,
    start_gateway,
)
from tests.end_to_end.still import Still

GUARD = GuardSettings()
BAD = Rule(platform="apns", reason="BadDeviceToken")
BAD_D = Rule(platform="apns", reason="BadDeviceToken", token_prefix="d")
GONE_D = Rule(platform="apns", status=410, timestamp=4_000_000_000_000, token_prefix="d")
FEW = 4
"""How many tokens one process ends before it suspects that they are not to blame."""
TRIPPED = [("app", "apns_bad_device_token")]
SANDBOX_KEY = Rule(environment="production", reason="BadDeviceToken")

OpenGateway = Callable[..., Awaitable[Still]]


@pytest.fixture
async def open_gateway(simulator: Simulator, until: Callable[..., Any]) -> AsyncIterator[OpenGateway]:
    """Open gateways on one store and one clock; the first registers the app. Each is stopped by its own `stop`."""
    clock = ManualClock(time.time())
    async with AsyncExitStack() as cleanup:
        secrets: list[str] = []

        async def open_one(on: AsyncExitStack = cleanup, begins: bool = True, **guard: Any) -> Still:
            settings = with_guard(await asyncio.to_thread(settings_of, simulator, DeliverySettings()), **guard)
            running = await start_gateway(simulator, on, settings, clock)
            if not secrets:
                await running.register()
                secrets.append(running.secret)
            running.secret = secrets[0]
            if begins:
                await running.prove()
                await on.enter_async_context(following(running.gateway))
            return Still(running, clock, until)

        yield open_one
        simulator.set_rules([])


@pytest.fixture
async def still(open_gateway: OpenGateway) -> Still:
    return await open_gateway()


def with_guard(settings: Settings, **guard: Any) -> Settings:
    nobody = msgspec.structs.replace(settings.forwarding, url="https://127.0.0.1:1")
    return msgspec.structs.replace(settings, guard=GuardSettings(**guard), forwarding=nobody)


def iphones(number: int, first: str = "e") -> list[str]:
    return [f"{first}{index:0{64 - len(first)}x}" for index in range(number)]


def androids(number: int) -> list[str]:
    return [f"fcmtok:{index:030d}" for index in range(number)]


async def codes(still: Still, tokens: list[str], **options: Any) -> list[str]:
    """Push to each; return what was said."""
    return [(await still.push(token, **options)).code for token in tokens]


def trips_of(running: Running) -> list[tuple[str, str]]:
    return [(one.subject, one.about) for one in running.gateway.notices.all() if one.kind is NoticeKind.GUARD_TRIPPED]


def trips(still: Still) -> list[tuple[str, str]]:
    return trips_of(still.running)


async def turns(still: Still) -> None:
    """Let all gateways write what they have to say, read what others have said, and look at it."""
    for _ in range(3):
        await still.clock.advance(POLL_SECONDS + LOOK_SECONDS)
        await asyncio.sleep(0.05)


async def test_a_sandbox_key_behind_a_production_app_ends_no_token(gateway: Running) -> None:
    gateway.simulator.set_rules([SANDBOX_KEY])
    assert await statuses_of([gateway], iphones(10_000)) == {422: 10_000}
    assert trips_of(gateway) == TRIPPED
    assert (await gateway.push("apn", message(iphones(1, "f")[0]))).code == "guard_tripped"


async def test_a_proven_key_that_suddenly_knows_no_token_ends_few(still: Still) -> None:
    assert set(await codes(still, iphones(200))) == {"delivered"}
    still.simulator.set_rules([BAD])
    said = await codes(still, iphones(200))
    assert said == ["apns_bad_device_token"] * FEW + ["guard_suspects"] * 15 + ["guard_tripped"] * 181
    assert trips(still) == TRIPPED
    metrics = (await still.running.get(f"{still.running.operator_url}/metrics")).body.decode()
    assert 'push_guard_tripped{app="app",reason="apns_bad_device_token"} 1.0' in metrics
    assert 'push_guard_withheld_total{app="app",reason="apns_bad_device_token"} 196.0' in metrics


async def test_what_the_server_is_told_names_the_provider_s_reason(still: Still) -> None:
    await trip(still)
    answer = await still.push(iphones(1, "f")[0])
    assert (answer.status, answer.code) == (422, "guard_tripped")
    assert "apns_bad_device_token" in answer.document["error"]
    assert "push-gateway guard reset APP" in answer.document["error"]


async def test_single_dead_tokens_among_others_end_at_once(still: Still) -> None:
    still.simulator.set_rules([BAD_D])
    for one, other, dead in zip(iphones(60), iphones(60, "f"), iphones(60, "d"), strict=True):
        assert await codes(still, [one, other, dead]) == ["delivered", "delivered", "apns_bad_device_token"]
    assert trips(still) == []


async def test_a_device_that_gets_many_pushes_does_not_speak_for_others(still: Still) -> None:
    still.simulator.set_rules([BAD_D])
    said = []
    for dead in iphones(30, "d"):
        assert await codes(still, iphones(1) * 3) == ["delivered"] * 3
        said.append((await still.push(dead)).code)
    assert said == ["apns_bad_device_token"] * FEW + ["guard_suspects"] * 15 + ["guard_tripped"] * 11


async def test_one_token_that_is_refused_again_and_again_counts_once(still: Still) -> None:
    still.simulator.set_rules([BAD_D])
    assert set(await codes(still, iphones(1, "d") * 50)) == {"apns_bad_device_token"}


async def test_what_was_said_long_ago_trips_nothing_but_is_not_forgotten(still: Still) -> None:
    still.simulator.set_rules([BAD])
    await codes(still, iphones(GUARD.tokens - 1))
    await still.clock.advance(GUARD.minutes * 60)
    assert await codes(still, iphones(1, "d")) == ["guard_suspects"]
    assert trips(still) == []


async def test_when_most_are_uninstalled_at_once_the_rest_is_not_believed(still: Still) -> None:
    still.simulator.set_rules([GONE_D])
    said = [await codes(still, list(pair)) for pair in zip(iphones(110), iphones(110, "d"), strict=True)]
    dead = [code for _, code in said]
    assert dead == ["apns_unregistered"] * 99 + ["guard_tripped"] * 11
    assert {alive for alive, _ in said} == {"delivered"}
    assert trips(still) == [("app", "apns_unregistered")]


async def test_an_operator_who_says_that_they_really_are_dead_is_believed(still: Still) -> None:
    still.simulator.set_rules([GONE_D])
    assert (await codes(still, iphones(100, "d")))[-1] == "guard_tripped"
    await reset(still, "apns_unregistered")
    assert set(await codes(still, iphones(300, "da"))) == {"apns_unregistered"}
    assert trips(still) == []


async def test_with_new_credentials_an_operator_has_said_nothing(still: Still) -> None:
    still.simulator.set_rules([GONE_D])
    await codes(still, iphones(100, "d"))
    await reset(still, "apns_unregistered")
    apns, _ = await asyncio.to_thread(credentials, still.simulator, environment="sandbox")
    await still.running.registry.update_app("app", apns=apns)
    await still.running.gateway.follower.check()
    assert (await codes(still, iphones(100, "da")))[-1] == "guard_tripped"


async def test_where_fewer_than_half_are_uninstalled_each_ends(still: Still) -> None:
    still.simulator.set_rules([GONE_D])
    for one, other, dead in zip(iphones(180), iphones(180, "f"), iphones(180, "d"), strict=True):
        assert await codes(still, [one, other, dead]) == ["delivered", "delivered", "apns_unregistered"]


async def test_one_bad_app_trips_no_other(still: Still) -> None:
    apns, _ = await asyncio.to_thread(credentials, still.simulator)
    await still.running.registry.add_app("other", msgspec.structs.replace(apns, topics=("com.example.other",)), None)
    await still.running.registry.update_workspace("workspace", apps=("app", "other"))
    await still.running.gateway.follower.check()
    other = {"topic": "com.example.other"}
    still.simulator.set_rules([BAD_D])
    await codes(still, iphones(20), **other)
    assert (await codes(still, iphones(30, "d")))[-1] == "guard_tripped"
    assert await codes(still, [*iphones(1, "da"), *iphones(1)], **other) == ["apns_bad_device_token", "delivered"]
    assert trips(still) == TRIPPED


async def test_faults_of_the_topic_are_told_though_they_end_no_token(still: Still) -> None:
    still.simulator.set_rules([Rule(platform="apns", reason="DeviceTokenNotForTopic")])
    said = await codes(still, iphones(30))
    assert said == ["apns_device_token_not_for_topic"] * 19 + ["guard_tripped"] * 11


async def test_another_project_s_tokens_are_told(still: Still) -> None:
    still.simulator.set_rules([Rule(platform="fcm", reason="SENDER_ID_MISMATCH")])
    assert await codes(still, androids(20)) == ["fcm_sender_id_mismatch"] * 19 + ["guard_tripped"]
    assert trips(still) == [("app", "fcm_sender_id_mismatch")]


async def test_tokens_that_no_app_of_a_workspace_knows_are_told_of_each(still: Still) -> None:
    _, fcm = await asyncio.to_thread(credentials, still.simulator)
    await still.running.registry.add_app("other", None, fcm)
    await still.running.registry.update_workspace("workspace", apps=("app", "other"))
    await still.running.gateway.follower.check()
    still.simulator.set_rules([Rule(platform="fcm", reason="SENDER_ID_MISMATCH")])
    assert (await codes(still, androids(20)))[-1] == "guard_tripped"
    assert trips(still) == [("app", "fcm_sender_id_mismatch"), ("other", "fcm_sender_id_mismatch")]


async def test_tokens_that_the_next_app_knows_are_no_surprise(still: Still) -> None:
    _, fcm = await asyncio.to_thread(credentials, still.simulator)
    await still.running.registry.add_app("other", None, fcm)
    await still.running.registry.update_workspace("workspace", apps=("app", "other"))
    await still.running.gateway.follower.check()
    for token in androids(30):
        still.simulator.set_rules([Rule(platform="fcm", reason="SENDER_ID_MISMATCH", times=1)])
        assert (await still.push(token)).code == "delivered"
    assert trips(still) == []


async def test_the_official_app_s_tokens_are_no_surprise_to_who_forwards(still: Still) -> None:
    await still.running.registry.update_workspace("workspace", forward=True)
    await still.running.gateway.follower.check()
    still.simulator.set_rules([Rule(platform="fcm", reason="SENDER_ID_MISMATCH")])
    assert set(await codes(still, androids(30))) == {"forwarding_failed"}
    assert trips(still) == []


async def test_a_trip_holds_on_every_gateway_and_ends_on_every_one(open_gateway: OpenGateway) -> None:
    first, second = await open_gateway(), await open_gateway()
    second.simulator.set_rules([BAD])
    await codes(second, iphones(GUARD.tokens - 1, "b"))
    await trip(first)
    await turns(first)
    assert await codes(second, iphones(1, "c")) == ["guard_tripped"]
    first.running.gateway.notices.withdraw(NoticeKind.GUARD_TRIPPED, *TRIPPED[0])
    await turns(first)
    assert await codes(second, iphones(5, "f")) == ["apns_bad_device_token"] * FEW + ["guard_suspects"]
    assert trips(first) == trips(second) == []


async def test_who_heard_nothing_while_it_was_tripped_begins_anew_after_it(open_gateway: OpenGateway) -> None:
    first, second = await open_gateway(), await open_gateway()
    second.simulator.set_rules([BAD])
    await codes(second, iphones(GUARD.tokens - 1, "b"))
    await trip(first)
    await turns(first)
    first.running.gateway.notices.withdraw(NoticeKind.GUARD_TRIPPED, *TRIPPED[0])
    await turns(first)
    assert await codes(second, iphones(1, "c")) == ["apns_bad_device_token"]
    assert trips(second) == []


async def test_a_trip_survives_a_restart(open_gateway: OpenGateway) -> None:
    async with AsyncExitStack() as until_stopped:
        before = await open_gateway(until_stopped)
        await trip(before)
    after = await open_gateway(begins=False)
    assert await codes(after, iphones(1, "f")) == ["guard_tripped"]


async def test_the_operator_resets_it(still: Still) -> None:
    await trip(still)
    await reset(still, "apns_bad_device_token")
    assert trips(still) == []
    assert await codes(still, iphones(5, "f")) == ["apns_bad_device_token"] * FEW + ["guard_suspects"]


async def test_one_success_by_luck_ends_no_trip_but_several_do(still: Still) -> None:
    await trip(still)
    still.simulator.set_rules([BAD_D])
    assert await codes(still, iphones(1) * 9) == ["delivered"] * 9
    assert await codes(still, [*iphones(2, "d"), *iphones(5)]) == ["guard_tripped"] * 2 + ["delivered"] * 5
    assert trips(still) == TRIPPED, "too many are still refused"
    assert await codes(still, iphones(6)) == ["delivered"] * 6
    assert trips(still) == []
    assert await codes(still, iphones(1, "dd")) == ["apns_bad_device_token"]


async def test_new_credentials_end_a_trip_and_prove_themselves_anew(still: Still) -> None:
    await trip(still)
    apns, _ = await asyncio.to_thread(credentials, still.simulator, environment="sandbox")
    assert apns.environment is ApnsEnvironment.SANDBOX
    await still.running.registry.update_app("app", apns=apns)
    await still.running.gateway.follower.check()
    assert trips(still) == []
    assert await codes(still, iphones(1, "f")) == ["apns_bad_device_token_unproven"]


async def test_new_credentials_are_under_no_suspicion(still: Still) -> None:
    still.simulator.set_rules([BAD_D])
    assert (await codes(still, iphones(10, "d")))[-1] == "guard_suspects"
    apns, _ = await asyncio.to_thread(credentials, still.simulator, environment="sandbox")
    await still.running.registry.update_app("app", apns=apns)
    await still.running.gateway.follower.check()
    assert await codes(still, [*iphones(1), *iphones(1, "da")]) == ["delivered", "apns_bad_device_token"]


async def test_on_hold_what_would_be_refused_is_sent_once_it_is_mended(open_gateway: OpenGateway) -> None:
    still = await open_gateway(hold=True)
    await trip(still)
    answers = [await still.push(token) for token in iphones(5, "f")]
    assert [(answer.status, answer.code) for answer in answers] == [(200, "stored_later")] * 5
    assert not still.running.gateway.owed.breakers.open()
    still.simulator.set_rules([])
    still.simulator.clear()
    await still.empty()
    assert {push.token for push in still.simulator.received} >= set(iphones(5, "f"))
    assert trips(still) == []


async def test_on_hold_it_ends_with_its_lifetime(open_gateway: OpenGateway) -> None:
    still = await open_gateway(hold=True)
    await trip(still)
    await still.clock.advance(3600.0)
    await still.empty()
    outcomes = Counter(one.outcome for one in await still.log())
    assert outcomes == {"delivered": 2, "token_dead": FEW, "expired": GUARD.tokens - FEW}


async def test_on_hold_a_ring_is_refused(open_gateway: OpenGateway) -> None:
    still = await open_gateway(hold=True)
    await trip(still)
    created = datetime.fromtimestamp(still.clock.now(), UTC).isoformat()
    ring = {"notificationType": "voip", "type": "incoming_call", "createdAt": created}
    assert (await still.push(PUSHKIT, topic=f"{TOPIC}.voip", payload=ring)).code == "guard_tripped"


async def test_what_was_found_late_is_not_told_while_it_is_tripped(still: Still) -> None:
    late = iphones(1, "f")[0]
    still.simulator.set_rules([Rule(status=503, times=1), BAD])
    assert (await still.push(late)).code == "stored_later"
    await still.empty()
    await still.out_of_line(late)
    await trip(still)
    assert (await still.push(late)).code == "guard_tripped"
    still.simulator.set_rules([])
    assert await codes(still, [late, *iphones(30)]) == ["delivered"] * 31
    assert (await still.push(late)).code == "delivered"


async def reset(still: Still, reason: str) -> None:
    """Reset the guard as an operator does, and let the gateway hear of it."""
    await turns(still)
    config, folder = still.simulator.data / "gateway.toml", still.simulator.data.parent
    ended = await push_gateway("--config", config, "guard", "reset", "app", folder=folder)
    assert ended.out == f"Reset for app: {reason}. Gateways follow within seconds.\n", ended.err
    await turns(still)


async def trip(still: Still) -> None:
    """Have Apple call every token of an app none until the guard trips."""
    still.simulator.set_rules([BAD])
    await codes(still, iphones(GUARD.tokens))
    assert trips(still) == TRIPPED


@pytest.mark.parametrize("is_proven", [False, True])
async def test_two_gateways_on_one_mongodb_end_few_tokens_or_none(
    simulator: Simulator, mongo_url: StoreUrl, until: Callable[..., Any], is_proven: bool
) -> None:
    settings = msgspec.structs.replace(
        await asyncio.to_thread(settings_of, simulator),
        store=StoreSettings(url=mongo_url),
        encryption=EncryptionSettings(keys=(Secret(Fernet.generate_key().decode()),), lookup_key=Secret("a long text")),
    )
    async with AsyncExitStack() as cleanup:
        first, second = [await start_gateway(simulator, cleanup, settings) for _ in range(2)]
        await first.register()
        second.secret = first.secret
        for running in (first, second):
            await cleanup.enter_async_context(following(running.gateway))
            await running.gateway.follower.check()
            if is_proven:
                await running.prove()
        simulator.set_rules([SANDBOX_KEY])
        statuses = await statuses_of([first, second], iphones(2000))
        assert set(statuses) == {406, 422} if is_proven else {422}
        assert statuses[406] <= 2 * FEW
        await until(lambda: all(running.gateway.owed.guard.is_tripped(["app"]) for running in (first, second)))


async def statuses_of(gateways: list[Running], tokens: list[str]) -> Counter[int]:
    """Push to each token once, to one gateway after the other, many at a time; return what was answered."""
    left = iter(enumerate(tokens))
    statuses = Counter[int]()

    async def send() -> None:
        for number, token in left:
            answer = await gateways[number % len(gateways)].push("apn", message(token))
            statuses[answer.status] += 1

    await asyncio.gather(*(send() for _ in range(50)))
    return statuses
