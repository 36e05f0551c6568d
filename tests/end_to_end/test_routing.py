"""Which app a push goes to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gateway.delivery.devices import device_hash
from gateway.providers.credentials import with_topics
from gateway.providers.simulator import Rule, Simulator
from tests.end_to_end.running import ANDROID, IPHONE, PUSHKIT, Running, credentials, message, settings_of, start_gateway
from tests.end_to_end.test_store_trouble import Store

Another = Callable[[], AbstractAsyncContextManager[Running]]
IN_SANDBOX = Rule(environment="production", status=400, reason="BadDeviceToken")
IN_PRODUCTION = Rule(environment="sandbox", status=400, reason="BadDeviceToken")


@pytest.mark.parametrize("topic", ["com.example.other", "chat.rocket.ios.other", ".voip"])
async def test_a_topic_no_app_has_is_refused(gateway: Running, topic: str) -> None:
    answer = await gateway.push("apn", message(IPHONE, topic=topic))
    assert (answer.status, answer.code) == (422, "unknown_topic")
    assert gateway.simulator.received == []


@pytest.mark.parametrize("topic", [None, ""])
async def test_an_apn_push_without_topic_is_refused(gateway: Running, topic: str | None) -> None:
    assert (await gateway.push("apn", message(IPHONE, topic=topic))).code == "topic_missing"


async def test_an_app_of_another_workspace_is_out_of_reach(gateway: Running) -> None:
    apns, _ = await asyncio.to_thread(credentials, gateway.simulator)
    await gateway.registry.add_app("other", with_topics(apns, ("com.example.other",)), None)
    assert (await gateway.push("apn", message(IPHONE, topic="com.example.other"))).code == "unknown_topic"


async def test_a_topic_added_just_now_is_found(gateway: Running) -> None:
    apns, _ = await asyncio.to_thread(credentials, gateway.simulator)
    await gateway.registry.replace_credentials("app", with_topics(apns, ("chat.rocket.ios", "com.example.new")), None)
    assert (await gateway.push("apn", message(IPHONE, topic="com.example.new"))).status == 200


async def test_a_platform_without_credentials_is_refused(gateway: Running) -> None:
    apns, _ = await asyncio.to_thread(credentials, gateway.simulator)
    await gateway.registry.add_app("apple only", apns, None)
    gateway.secret = (await gateway.registry.add_workspace("w2", ("apple only",))).secret.reveal()
    assert (await gateway.push("gcm", message(ANDROID))).code == "no_app_for_platform"


async def auto(gateway: Running) -> None:
    apns, _ = await asyncio.to_thread(credentials, gateway.simulator, environment="auto")
    await gateway.registry.replace_credentials("app", apns, None)
    await gateway.gateway.follower.check()


async def test_auto_tries_the_sandbox_on_bad_device_token(gateway: Running) -> None:
    await auto(gateway)
    gateway.simulator.set_rules([Rule(environment="production", status=400, reason="BadDeviceToken")])
    assert (await gateway.push("apn", message(IPHONE))).status == 200
    assert [one.environment for one in gateway.simulator.received] == ["production", "sandbox"]
    first, second = gateway.simulator.received
    assert first.headers["apns-id"] == second.headers["apns-id"]


async def test_auto_ends_a_token_that_neither_host_knows_once_one_has_delivered(gateway: Running) -> None:
    await auto(gateway)
    gateway.simulator.set_rules([Rule(token_prefix="b", status=400, reason="BadDeviceToken")])
    assert (await gateway.push("apn", message(PUSHKIT))).code == "apns_bad_device_token_unproven"
    assert (await gateway.push("apn", message(IPHONE))).status == 200
    assert (await gateway.push("apn", message(PUSHKIT))).code == "apns_bad_device_token"


async def test_auto_is_not_misled_by_a_key_for_production_only(gateway: Running) -> None:
    await auto(gateway)
    gateway.simulator.set_rules(
        [
            Rule(environment="production", status=400, reason="BadDeviceToken"),
            Rule(environment="sandbox", status=403, reason="BadEnvironmentKeyIdInToken"),
        ]
    )
    assert (await gateway.push("apn", message(IPHONE))).code == "apns_bad_device_token_unproven"


async def test_auto_ends_no_token_that_only_one_host_has_judged(gateway: Running) -> None:
    await auto(gateway)
    assert (await gateway.push("apn", message(IPHONE))).status == 200
    gateway.simulator.set_rules(
        [
            Rule(environment="production", status=400, reason="BadDeviceToken"),
            Rule(environment="sandbox", status=403, reason="BadEnvironmentKeyIdInToken"),
        ]
    )
    assert (await gateway.push("apn", message(PUSHKIT))).code == "apns_bad_device_token_unproven"


async def two_android_apps(gateway: Running) -> None:
    _, fcm = await asyncio.to_thread(credentials, gateway.simulator)
    await gateway.registry.add_app("second", None, fcm)
    await gateway.registry.update_workspace("workspace", apps=("app", "second"))
    await gateway.gateway.follower.check()


async def test_another_apps_android_token_goes_to_the_next_app(gateway: Running) -> None:
    await two_android_apps(gateway)
    gateway.simulator.set_rules([Rule(platform="fcm", status=403, reason="SENDER_ID_MISMATCH", times=1)])
    assert (await gateway.push("gcm", message(ANDROID))).status == 200
    assert len(gateway.simulator.received) == 2


async def test_an_app_with_refused_credentials_does_not_hide_the_next(gateway: Running) -> None:
    await two_android_apps(gateway)
    gateway.simulator.set_rules([Rule(platform="fcm", status=404, reason="NOT_FOUND", times=1)])
    assert (await gateway.push("gcm", message(ANDROID))).status == 200


async def test_a_token_of_no_app_is_refused_and_lives(gateway: Running) -> None:
    await two_android_apps(gateway)
    gateway.simulator.set_rules([Rule(platform="fcm", status=403, reason="SENDER_ID_MISMATCH")])
    answer = await gateway.push("gcm", message(ANDROID))
    assert (answer.status, answer.code) == (422, "fcm_sender_id_mismatch")


async def test_a_provider_in_trouble_ends_the_search(gateway: Running) -> None:
    await two_android_apps(gateway)
    gateway.simulator.set_rules([Rule(platform="fcm", status=503)])
    assert (await gateway.push("gcm", message(ANDROID))).status == 503
    assert len(gateway.simulator.received) == 1


# Which of several ways goes first


async def asked(gateway: Running, token: str = IPHONE) -> list[str]:
    """Push to an iPhone; return which of Apple's hosts were asked, in order."""
    gateway.simulator.clear()
    assert (await gateway.push("apn", message(token))).status == 200
    return [str(one.environment) for one in gateway.simulator.received]


async def taken_by(gateway: Running) -> str | None:
    """Push to an Android phone; return the app that took it."""
    assert (await gateway.push("gcm", message(ANDROID))).status == 200
    device = await gateway.gateway.devices.known(device_hash(gateway.gateway.vault, ANDROID))
    return device.app if device else None


@pytest.fixture
def another(gateway: Running, simulator: Simulator) -> Another:
    """Starts another gateway on the same store."""

    @asynccontextmanager
    async def another() -> AsyncIterator[Running]:
        await gateway.gateway.devices.flush()
        async with AsyncExitStack() as cleanup:
            settings = await asyncio.to_thread(settings_of, simulator)
            running = await start_gateway(simulator, cleanup, settings)
            running.secret = gateway.secret
            yield running

    return another


async def test_the_host_that_took_the_last_push_is_asked_first(gateway: Running) -> None:
    await auto(gateway)
    gateway.simulator.set_rules([IN_SANDBOX])
    assert await asked(gateway) == ["production", "sandbox"]
    assert await asked(gateway) == ["sandbox"]
    assert await asked(gateway) == ["sandbox"]


async def test_what_was_learned_of_one_device_says_nothing_of_another(gateway: Running) -> None:
    await auto(gateway)
    gateway.simulator.set_rules([IN_SANDBOX])
    await asked(gateway)
    assert await asked(gateway, PUSHKIT) == ["production", "sandbox"]


async def test_the_android_app_that_took_the_last_push_is_asked_first(gateway: Running) -> None:
    await two_android_apps(gateway)
    gateway.simulator.set_rules([Rule(platform="fcm", status=403, reason="SENDER_ID_MISMATCH", times=1)])
    assert await taken_by(gateway) == "second"
    assert await taken_by(gateway) == "second"
    assert len(gateway.simulator.received) == 3


async def test_a_device_that_has_moved_is_found_and_learned_anew(gateway: Running) -> None:
    await auto(gateway)
    gateway.simulator.set_rules([IN_SANDBOX])
    await asked(gateway)
    gateway.simulator.set_rules([IN_PRODUCTION])
    assert await asked(gateway) == ["sandbox", "production"]
    assert await asked(gateway) == ["production"]


async def test_another_gateway_on_the_store_knows_the_way(gateway: Running, another: Another) -> None:
    await auto(gateway)
    gateway.simulator.set_rules([IN_SANDBOX])
    await asked(gateway)
    async with another() as other:
        assert await asked(other) == ["sandbox"]


async def test_without_the_store_the_ways_are_tried_in_order(gateway: Running, another: Another, data: Path) -> None:
    await auto(gateway)
    gateway.simulator.set_rules([IN_SANDBOX])
    await asked(gateway)
    async with another() as other:
        store = Store(data / "gateway.db")
        await store.goes()
        assert await asked(other) == ["production", "sandbox"]
        assert await asked(other) == ["sandbox"]
        await store.returns()


async def test_a_learned_way_that_is_no_longer_allowed_is_not_gone(gateway: Running, another: Another) -> None:
    await two_android_apps(gateway)
    gateway.simulator.set_rules([Rule(platform="fcm", status=403, reason="SENDER_ID_MISMATCH", times=1)])
    assert await taken_by(gateway) == "second"
    _, fcm = await asyncio.to_thread(credentials, gateway.simulator)
    await gateway.registry.add_app("third", None, fcm)
    await gateway.registry.update_workspace("workspace", apps=("third", "app"))
    await gateway.gateway.follower.check()
    assert await taken_by(gateway) == "third"
    async with another() as other:
        assert await taken_by(other) == "third"
