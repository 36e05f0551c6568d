"""What each answer of Apple's and Google's means, one row an answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.providers.apns_verdict import APPLE_ANSWERS, apns_verdict
from gateway.providers.fcm_verdict import fcm_verdict

ACCEPTED, DEAD, SUSPECT, FOREIGN, REFUSED, CREDENTIALS, LATER = VerdictKind
ENDS_A_TOKEN = {DEAD, SUSPECT}

APPLE = [
    (400, "BadDeviceToken", SUSPECT),
    (400, "DeviceTokenNotForTopic", REFUSED),
    (400, "TopicDisallowed", REFUSED),
    (400, "BadTopic", REFUSED),
    (400, "MissingTopic", REFUSED),
    (400, "BadCollapseId", REFUSED),
    (400, "BadExpirationDate", REFUSED),
    (400, "BadMessageId", REFUSED),
    (400, "BadPriority", REFUSED),
    (400, "DuplicateHeaders", REFUSED),
    (400, "IdleTimeout", LATER),
    (400, "InvalidPushType", REFUSED),
    (400, "MissingDeviceToken", REFUSED),
    (400, "PayloadEmpty", REFUSED),
    (404, "BadPath", REFUSED),
    (405, "MethodNotAllowed", REFUSED),
    (403, "BadCertificate", CREDENTIALS),
    (403, "BadCertificateEnvironment", CREDENTIALS),
    (403, "InvalidProviderToken", CREDENTIALS),
    (403, "MissingProviderToken", CREDENTIALS),
    (403, "UnrelatedKeyIdInToken", CREDENTIALS),
    (403, "BadEnvironmentKeyIdInToken", CREDENTIALS),
    (403, "ExpiredProviderToken", CREDENTIALS),
    (403, "Forbidden", REFUSED),
    (410, "Unregistered", DEAD),
    (410, "ExpiredToken", DEAD),
    (413, "PayloadTooLarge", REFUSED),
    (429, "TooManyRequests", LATER),
    (429, "TooManyProviderTokenUpdates", LATER),
    (500, "InternalServerError", LATER),
    (503, "ServiceUnavailable", LATER),
    (503, "Shutdown", LATER),
]


def code(reason: str) -> str:
    """Apple's word as ours: `BadTopic` is `apns_bad_topic`."""
    return "apns" + "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in reason)


@pytest.mark.parametrize(("status", "reason", "kind"), APPLE, ids=[row[1] for row in APPLE])
def test_apple_says(status: int, reason: str, kind: VerdictKind) -> None:
    assert apns_verdict(status, reason, "the-id", None, 7.0) == Verdict(
        kind, Reason(code(reason)), status, reason, "the-id", 7.0
    )


def test_apple_spells_one_reason_in_two_ways() -> None:
    spelt = apns_verdict(403, "BadEnvironmentKeyInToken", "the-id")
    assert (spelt.kind, spelt.reason) == (CREDENTIALS, Reason.APNS_BAD_ENVIRONMENT_KEY_ID_IN_TOKEN)


def test_no_answer_of_apples_is_left_out() -> None:
    assert {reason for _, reason, _ in APPLE} | {"BadEnvironmentKeyInToken"} == set(APPLE_ANSWERS)


def test_apple_takes_a_push() -> None:
    assert apns_verdict(200, "", "the-id") == Verdict(ACCEPTED, Reason.DELIVERED, 200, provider_id="the-id")


def test_apple_says_since_when_a_token_is_dead() -> None:
    assert apns_verdict(410, "Unregistered", "the-id", 1_799_999_999_500).since == 1_799_999_999.5
    assert apns_verdict(410, "Unregistered", "the-id", 0).since == 0.0
    assert apns_verdict(410, "Unregistered", "the-id").since is None


UNKNOWN = [
    (400, REFUSED),
    (403, REFUSED),
    (404, REFUSED),
    (408, LATER),
    (410, REFUSED),
    (418, REFUSED),
    (429, LATER),
    (500, LATER),
    (502, LATER),
    (599, LATER),
]


@pytest.mark.parametrize("words", ["", "SomethingNew", "unregistered"])
@pytest.mark.parametrize(("status", "kind"), UNKNOWN)
def test_of_an_unknown_reason_of_apples_the_status_speaks(status: int, words: str, kind: VerdictKind) -> None:
    verdict = apns_verdict(status, words, "the-id")
    assert (verdict.kind, verdict.reason, verdict.words) == (kind, Reason.APNS_UNKNOWN_ANSWER, words)


@given(st.integers(201, 999), st.text().filter(lambda words: words not in APPLE_ANSWERS), st.none() | st.integers(0))
def test_without_a_known_reason_apple_never_ends_a_token(status: int, words: str, timestamp: int | None) -> None:
    verdict = apns_verdict(status, words, "the-id", timestamp)
    assert verdict.kind not in ENDS_A_TOKEN
    assert verdict.kind is not ACCEPTED
    assert len(verdict.words) <= 64


def google(status: str = "", code: str = "", *violations: str, **more: Any) -> bytes:
    details: list[dict[str, Any]] = []
    if code:
        details.append({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code})
    if violations:
        fields = [{"field": field, "description": "why"} for field in violations]
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields})
    return json.dumps({"error": {"code": 0, "message": "why", "status": status, "details": details, **more}}).encode()


GOOGLE = [
    (404, google("NOT_FOUND", "UNREGISTERED"), DEAD, "fcm_unregistered", "UNREGISTERED", None),
    (
        400,
        google("INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token"),
        SUSPECT,
        "fcm_invalid_token",
        "INVALID_ARGUMENT",
        None,
    ),
    (
        400,
        google("INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token", "message.token"),
        SUSPECT,
        "fcm_invalid_token",
        "INVALID_ARGUMENT",
        None,
    ),
    (
        400,
        google("INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        REFUSED,
        "fcm_invalid_argument",
        "INVALID_ARGUMENT",
        None,
    ),
    (
        400,
        google("INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.data[0].value"),
        REFUSED,
        "fcm_invalid_argument",
        "INVALID_ARGUMENT",
        None,
    ),
    (
        400,
        google("INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token", "message.android.ttl"),
        REFUSED,
        "fcm_invalid_argument",
        "INVALID_ARGUMENT",
        None,
    ),
    (
        400,
        google("INVALID_ARGUMENT", "", "message.token"),
        REFUSED,
        "fcm_invalid_argument",
        "INVALID_ARGUMENT",
        None,
    ),
    (
        403,
        google("PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
        FOREIGN,
        "fcm_sender_id_mismatch",
        "SENDER_ID_MISMATCH",
        None,
    ),
    (403, google("PERMISSION_DENIED"), CREDENTIALS, "fcm_permission_denied", "PERMISSION_DENIED", None),
    (401, google("UNAUTHENTICATED"), CREDENTIALS, "fcm_unauthenticated", "UNAUTHENTICATED", None),
    (
        401,
        google("UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
        REFUSED,
        "fcm_third_party_auth_error",
        "THIRD_PARTY_AUTH_ERROR",
        None,
    ),
    (404, google("NOT_FOUND"), CREDENTIALS, "fcm_project_not_found", "NOT_FOUND", None),
    (429, google("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), LATER, "fcm_quota_exceeded", "QUOTA_EXCEEDED", 60.0),
    (429, google("RESOURCE_EXHAUSTED"), LATER, "fcm_quota_exceeded", "RESOURCE_EXHAUSTED", 60.0),
    (500, google("INTERNAL", "INTERNAL"), LATER, "fcm_internal", "INTERNAL", 10.0),
    (503, google("UNAVAILABLE", "UNAVAILABLE"), LATER, "fcm_unavailable", "UNAVAILABLE", 10.0),
    (400, google("FAILED_PRECONDITION", "SOMETHING_NEW"), REFUSED, "fcm_invalid_argument", "SOMETHING_NEW", None),
    (409, google("ABORTED", "SOMETHING_NEW"), REFUSED, "fcm_unknown_answer", "SOMETHING_NEW", None),
    (418, b"", REFUSED, "fcm_unknown_answer", "", None),
    (504, google("DEADLINE_EXCEEDED"), LATER, "fcm_unknown_answer", "DEADLINE_EXCEEDED", None),
]


@pytest.mark.parametrize(("status", "body", "kind", "reason", "words", "wait"), GOOGLE)
def test_google_says(status: int, body: bytes, kind: VerdictKind, reason: str, words: str, wait: float | None) -> None:
    assert fcm_verdict(status, body) == Verdict(kind, Reason(reason), status, words, retry_after=wait)


@pytest.mark.parametrize(("status", "code"), [(429, "QUOTA_EXCEEDED"), (503, "UNAVAILABLE"), (404, "UNREGISTERED")])
def test_what_google_asks_to_wait_goes_before_the_usual(status: int, code: str) -> None:
    assert fcm_verdict(status, google("", code), 3.0).retry_after == 3.0
    assert fcm_verdict(status, google("", code), 0.0).retry_after == 0.0


NOT_GOOGLES_JSON = [
    b"",
    b"<html><head><title>502</title></head></html>",
    b"null",
    b"[]",
    b'"UNREGISTERED"',
    b"{}",
    b'{"error": "UNREGISTERED"}',
    b'{"error": {"status": 404}}',
    b'{"error": {"details": {"errorCode": "UNREGISTERED"}}}',
    b'{"error": {"details": [{"errorCode": ["UNREGISTERED"]}]}}',
    b'{"error": {"details": [{"errorCode": "UNREGISTERED"}',
    b"\xff\xfe",
]
BY_STATUS = [
    (400, REFUSED, "fcm_invalid_argument"),
    (401, CREDENTIALS, "fcm_unauthenticated"),
    (403, CREDENTIALS, "fcm_permission_denied"),
    (404, CREDENTIALS, "fcm_project_not_found"),
    (410, REFUSED, "fcm_unknown_answer"),
    (429, LATER, "fcm_quota_exceeded"),
    (500, LATER, "fcm_internal"),
    (502, LATER, "fcm_unknown_answer"),
    (503, LATER, "fcm_unavailable"),
]


@pytest.mark.parametrize("body", NOT_GOOGLES_JSON)
@pytest.mark.parametrize(("status", "kind", "reason"), BY_STATUS)
def test_where_the_body_is_not_googles_only_the_status_speaks(
    status: int, body: bytes, kind: VerdictKind, reason: str
) -> None:
    verdict = fcm_verdict(status, body)
    assert (verdict.kind, verdict.reason, verdict.words) == (kind, Reason(reason), "")


@given(st.integers(201, 999), st.binary())
def test_without_an_error_code_google_never_ends_a_token(status: int, body: bytes) -> None:
    assert fcm_verdict(status, body).kind not in {*ENDS_A_TOKEN, ACCEPTED}


def test_google_takes_a_push_and_names_it() -> None:
    assert fcm_verdict(200, b'{"name": "projects/p/messages/1"}') == Verdict(
        ACCEPTED, Reason.DELIVERED, 200, provider_id="projects/p/messages/1"
    )


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"name": 7}', b"[]"])
def test_google_takes_a_push_even_where_its_name_cannot_be_read(body: bytes) -> None:
    assert fcm_verdict(200, body) == Verdict(ACCEPTED, Reason.DELIVERED, 200)


def test_google_takes_a_push_even_where_its_name_is_no_text() -> None:
    assert fcm_verdict(200, b'{"name": "\xff"}') == Verdict(ACCEPTED, Reason.DELIVERED, 200)
