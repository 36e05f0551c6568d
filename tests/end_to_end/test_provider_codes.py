"""Every answer of Apple's and Google's that the simulator knows, through the whole gateway, to the server's answer."""

import pytest

from gateway.providers.simulator import Rule
from tests.end_to_end.running import ANDROID, IPHONE, Running, message

APPLE = [
    (410, "Unregistered", 406, "apns_unregistered"),
    (410, "ExpiredToken", 406, "apns_expired_token"),
    (400, "BadDeviceToken", 406, "apns_bad_device_token"),
    (400, "DeviceTokenNotForTopic", 422, "apns_device_token_not_for_topic"),
    (400, "TopicDisallowed", 422, "apns_topic_disallowed"),
    (400, "BadTopic", 422, "apns_bad_topic"),
    (400, "MissingTopic", 422, "apns_missing_topic"),
    (400, "BadCollapseId", 422, "apns_bad_collapse_id"),
    (400, "BadExpirationDate", 422, "apns_bad_expiration_date"),
    (400, "BadMessageId", 422, "apns_bad_message_id"),
    (400, "BadPriority", 422, "apns_bad_priority"),
    (400, "DuplicateHeaders", 422, "apns_duplicate_headers"),
    (400, "InvalidPushType", 422, "apns_invalid_push_type"),
    (400, "MissingDeviceToken", 422, "apns_missing_device_token"),
    (400, "PayloadEmpty", 422, "apns_payload_empty"),
    (404, "BadPath", 422, "apns_bad_path"),
    (405, "MethodNotAllowed", 422, "apns_method_not_allowed"),
    (403, "Forbidden", 422, "apns_forbidden"),
    (400, "IdleTimeout", 503, "apns_idle_timeout"),
    (403, "BadCertificate", 503, "apns_bad_certificate"),
    (403, "BadCertificateEnvironment", 503, "apns_bad_certificate_environment"),
    (403, "InvalidProviderToken", 503, "apns_invalid_provider_token"),
    (403, "MissingProviderToken", 503, "apns_missing_provider_token"),
    (403, "UnrelatedKeyIdInToken", 503, "apns_unrelated_key_id_in_token"),
    (403, "BadEnvironmentKeyIdInToken", 503, "apns_bad_environment_key_id_in_token"),
    (403, "BadEnvironmentKeyInToken", 503, "apns_bad_environment_key_id_in_token"),
    (403, "ExpiredProviderToken", 503, "apns_expired_provider_token"),
    (413, "PayloadTooLarge", 422, "apns_payload_too_large"),
    (429, "TooManyRequests", 429, "apns_too_many_requests"),
    (429, "TooManyProviderTokenUpdates", 503, "apns_too_many_provider_token_updates"),
    (500, "InternalServerError", 503, "apns_internal_server_error"),
    (503, "ServiceUnavailable", 503, "apns_service_unavailable"),
    (503, "Shutdown", 503, "apns_shutdown"),
    (400, "SomethingNew", 422, "apns_unknown_answer"),
    (502, "SomethingNew", 503, "apns_unknown_answer"),
]
GOOGLE = [
    (404, "UNREGISTERED", 406, "fcm_unregistered"),
    (400, "INVALID_ARGUMENT", 406, "fcm_invalid_token"),
    (403, "SENDER_ID_MISMATCH", 422, "fcm_sender_id_mismatch"),
    (401, "THIRD_PARTY_AUTH_ERROR", 422, "fcm_third_party_auth_error"),
    (403, "PERMISSION_DENIED", 503, "fcm_permission_denied"),
    (401, "UNAUTHENTICATED", 503, "fcm_unauthenticated"),
    (404, "NOT_FOUND", 503, "fcm_project_not_found"),
    (429, "QUOTA_EXCEEDED", 429, "fcm_quota_exceeded"),
    (500, "INTERNAL", 503, "fcm_internal"),
    (503, "UNAVAILABLE", 503, "fcm_unavailable"),
]


@pytest.mark.parametrize(("status", "reason", "answered", "code"), APPLE, ids=[row[1] for row in APPLE])
async def test_apple_said(gateway: Running, status: int, reason: str, answered: int, code: str) -> None:
    await gateway.prove()
    gateway.simulator.set_rules([Rule(platform="apns", status=status, reason=reason)])
    answer = await gateway.push("apn", message(IPHONE))
    assert (answer.status, answer.code) == (answered, code)
    assert answer.document["code"] == code
    assert gateway.simulator.received[0].reason == reason


@pytest.mark.parametrize(("status", "reason", "answered", "code"), GOOGLE, ids=[row[1] for row in GOOGLE])
async def test_google_said(gateway: Running, status: int, reason: str, answered: int, code: str) -> None:
    await gateway.prove()
    gateway.simulator.set_rules([Rule(platform="fcm", status=status, reason=reason)])
    answer = await gateway.push("gcm", message(ANDROID))
    assert (answer.status, answer.code) == (answered, code)
    assert answer.document["code"] == code


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
    ("platform", "token", "rule", "code"),
    [
        ("apn", IPHONE, Rule(status=400, reason="BadDeviceToken"), "apns_bad_device_token_unproven"),
        ("gcm", ANDROID, Rule(status=400, reason="INVALID_ARGUMENT"), "fcm_invalid_token_unproven"),
    ],
)
async def test_no_token_ends_while_the_credentials_are_unproven(
    gateway: Running, platform: str, token: str, rule: Rule, code: str
) -> None:
    gateway.simulator.set_rules([rule])
    answer = await gateway.push(platform, message(token))
    assert (answer.status, answer.code) == (422, code)


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
