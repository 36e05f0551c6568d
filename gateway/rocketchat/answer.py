"""An outcome as the HTTP answer that makes a Rocket.Chat server do the right thing.

| status | the server then |
| --- | --- |
| 200 | is done |
| 406 | deletes the device token |
| 401, 422 | gives up on this push |
| 408, 429, 503 | sends it again after 1, 2, 4, 8 and 16 minutes |
"""

import math

import msgspec

from gateway.model.outcome import Delivered, Duplicate, Later, Outcome, Rejected, Stored, TokenDead, Unauthorized
from gateway.model.reason import Reason

PATIENCE = 18.0
"""Seconds from a request to its answer: a Rocket.Chat server loses a push that is not answered in 20."""
DEFAULT_RETRY_AFTER = 60.0
"""Seconds; Rocket.Chat ignores it and waits one minute, other senders and proxies may not."""

_RATE_LIMITS = frozenset(
    {
        Reason.APNS_TOO_MANY_REQUESTS,
        Reason.FCM_QUOTA_EXCEEDED,
        Reason.WORKSPACE_RATE,
        Reason.APP_RATE,
        Reason.WORKSPACE_BUSY,
        Reason.APP_BUSY,
        Reason.FAILED_TOO_OFTEN,
    }
)


class Answer(msgspec.Struct, frozen=True):
    """Status, headers and body to send; Content-Length is the door's business."""

    status: int
    headers: dict[str, str]
    body: bytes


def answer(outcome: Outcome, request_id: str) -> Answer:
    """Write the answer to one push."""
    status = status_of(outcome)
    headers = {"X-Request-Id": request_id, "Gateway-Outcome": outcome.reason.value}
    if status == 200:
        return Answer(status, headers, b"")
    headers |= retry_after(outcome)
    headers["Content-Type"] = "application/json; charset=utf-8"
    return Answer(status, headers, _body(outcome, status, request_id))


def retry_after(outcome: Outcome) -> dict[str, str]:
    """Say when to come again, in the header's whole seconds (RFC 9110 section 10.2.3), where that is asked."""
    if not isinstance(outcome, Later):
        return {}
    return {"Retry-After": str(math.ceil(outcome.retry_after or DEFAULT_RETRY_AFTER))}


def status_of(outcome: Outcome) -> int:
    """Choose the HTTP status by what the server does on it."""
    match outcome:
        case Delivered() | Stored() | Duplicate():
            return 200
        case TokenDead():
            return 406
        case Rejected():
            return 408 if outcome.reason is Reason.BODY_TOO_SLOW else 422
        case Unauthorized():
            return 401
        case Later(status=int(given)):
            return given
    return 429 if outcome.reason in _RATE_LIMITS else 503


def _body(outcome: Outcome, status: int, request_id: str) -> bytes:
    members = {"status": status, "code": outcome.reason.value, "error": outcome.text, "requestId": request_id}
    return msgspec.json.encode(members)
