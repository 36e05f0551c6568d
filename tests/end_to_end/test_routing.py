"""Which app a push goes to."""

import asyncio

import pytest

from gateway.providers.credentials import with_topics
from gateway.providers.simulator import Rule
from tests.end_to_end.running import ANDROID, IPHONE, PUSHKIT, Running, credentials, message


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
