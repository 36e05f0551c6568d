import json

import pytest

from gateway.model.explanation import explain
from gateway.model.outcome import Delivered, Duplicate, Later, Outcome, Rejected, Stored, TokenDead, Unauthorized
from gateway.model.reason import Reason
from gateway.rocketchat.answer import answer


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Delivered(provider_id="x"), 200),
        (Stored(Reason.STORED_SLOW, due_at=1.0), 200),
        (Duplicate(of="x"), 200),
        (TokenDead(Reason.APNS_UNREGISTERED), 406),
        (Rejected(Reason.UNKNOWN_TOPIC), 422),
        (Rejected(Reason.BODY_TOO_SLOW), 408),
        (Unauthorized(Reason.WORKSPACE_UNKNOWN), 401),
        (Later(Reason.APNS_TOO_MANY_REQUESTS), 429),
        (Later(Reason.FCM_QUOTA_EXCEEDED), 429),
        (Later(Reason.APNS_SHUTDOWN), 503),
        (Later(Reason.FORWARDED_LATER), 503),
        (Later(Reason.FORWARDED_LATER, status=400), 400),
    ],
)
def test_each_outcome_has_its_status(outcome: Outcome, status: int) -> None:
    written = answer(outcome, "request-1")
    assert written.status == status
    assert written.headers["X-Request-Id"] == "request-1"
    assert written.headers["Gateway-Outcome"] == outcome.reason.value


def test_a_success_has_no_body() -> None:
    assert answer(Delivered(), "request-1").body == b""


def test_an_error_says_what_happened_and_what_to_do() -> None:
    body = json.loads(answer(Rejected(Reason.UNKNOWN_TOPIC, "com.example"), "request-1").body)
    assert body.keys() == {"status", "code", "error", "requestId"}
    assert (body["status"], body["code"], body["requestId"]) == (422, "unknown_topic", "request-1")
    meaning, remedy = explain(Reason.UNKNOWN_TOPIC)
    assert body["error"] == f"{meaning[:-1]}: com.example. {remedy}"


@pytest.mark.parametrize(("asked", "written"), [(None, "60"), (0.2, "1"), (17.0, "17")])
def test_later_says_when(asked: float | None, written: str) -> None:
    assert answer(Later(Reason.APNS_SHUTDOWN, retry_after=asked), "x").headers["Retry-After"] == written


NOTHING_TO_DO = {
    Reason.DELIVERED,
    Reason.STORED_LATER,
    Reason.STORED_SLOW,
    Reason.STORED_RESTING,
    Reason.STORED_IN_LINE,
    Reason.STORED_BUSY,
    Reason.FORWARDED,
    Reason.DUPLICATE,
    Reason.WORKSPACE_GONE,
}


def test_every_reason_says_what_it_means_and_what_to_do() -> None:
    for reason in Reason:
        meaning, remedy = explain(reason)
        assert meaning.endswith((".", '"')), reason
        assert remedy.endswith((".", "?", "<secret>", "`", "nesting.", "}.")) or reason in NOTHING_TO_DO, reason
