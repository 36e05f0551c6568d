"""What is special about some answers of Apple's and Google's; `test_matrix.py` has them all."""

import pytest

from gateway.providers.simulator import Rule
from tests.end_to_end.running import ANDROID, IPHONE, Running, message


@pytest.mark.parametrize(
    ("platform", "token", "status", "reason", "answered"),
    [
        ("apn", IPHONE, 503, "BadDeviceToken", 503),
        ("apn", IPHONE, 500, "Unregistered", 503),
        ("apn", IPHONE, 400, "Unregistered", 422),
        ("apn", IPHONE, 429, "ExpiredToken", 503),
        ("gcm", ANDROID, 413, "INVALID_ARGUMENT", 422),
        ("gcm", ANDROID, 500, "INVALID_ARGUMENT", 503),
        ("gcm", ANDROID, 503, "UNREGISTERED", 503),
        ("gcm", ANDROID, 429, "UNREGISTERED", 429),
        ("gcm", ANDROID, 400, "UNREGISTERED", 422),
    ],
)
async def test_words_that_end_a_token_count_only_with_their_own_status(
    gateway: Running, platform: str, token: str, status: int, reason: str, answered: int
) -> None:
    await gateway.prove()
    gateway.simulator.set_rules([Rule(status=status, reason=reason)])
    assert (await gateway.push(platform, message(token))).status == answered


@pytest.mark.parametrize(
    ("platform", "token", "rule"),
    [
        ("apn", IPHONE, Rule(status=403, reason="ExpiredProviderToken", times=1)),
        ("apn", IPHONE, Rule(status=400, reason="IdleTimeout", times=1)),
        ("gcm", ANDROID, Rule(status=401, reason="UNAUTHENTICATED", times=1)),
        ("gcm", ANDROID, Rule(status=403, reason="PERMISSION_DENIED", times=1)),
    ],
)
async def test_what_a_new_token_may_cure_is_tried_again_at_once(
    gateway: Running, platform: str, token: str, rule: Rule
) -> None:
    gateway.simulator.set_rules([rule])
    answer = await gateway.push(platform, message(token))
    assert (answer.status, answer.code) == (200, "delivered")
    first, second = gateway.simulator.received
    assert first.status == rule.status
    assert first.headers.get("apns-id") == second.headers.get("apns-id")


async def test_retry_after_is_passed_on(gateway: Running) -> None:
    gateway.simulator.set_rules([Rule(status=503, retry_after=17)])
    answer = await gateway.push("apn", message(IPHONE))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "17")


async def test_google_asks_for_patience_without_saying_how_much(gateway: Running) -> None:
    gateway.simulator.set_rules([Rule(platform="fcm", status=429)])
    answer = await gateway.push("gcm", message(ANDROID))
    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")


async def test_a_verdict_of_apples_says_since_when(gateway: Running) -> None:
    gateway.simulator.set_rules([Rule(status=410)])
    assert (await gateway.push("apn", message(IPHONE))).status == 406
