"""Google's errors and how they are written.

Source: Google, "FCM error codes", "REST Resource: ErrorCode" of the HTTP v1 API, and google.rpc.Status.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


@dataclass(frozen=True)
class ErrorKind:
    """One of Google's words for a refusal."""

    status: int
    rpc: str
    """The name in google.rpc.Code."""
    message: str
    of_fcm: bool = True
    """Whether FCM itself says it, in an FcmError; else it comes from the doors before FCM."""


KINDS = {
    "INVALID_ARGUMENT": ErrorKind(400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    "UNREGISTERED": ErrorKind(404, "NOT_FOUND", "Requested entity was not found."),
    "SENDER_ID_MISMATCH": ErrorKind(403, "PERMISSION_DENIED", "SenderId mismatch"),
    "QUOTA_EXCEEDED": ErrorKind(429, "RESOURCE_EXHAUSTED", "Quota exceeded."),
    "UNAVAILABLE": ErrorKind(503, "UNAVAILABLE", "The service is currently unavailable."),
    "INTERNAL": ErrorKind(500, "INTERNAL", "Internal error encountered."),
    "THIRD_PARTY_AUTH_ERROR": ErrorKind(
        401, "UNAUTHENTICATED", "Request is missing required authentication credential."
    ),
    "PERMISSION_DENIED": ErrorKind(403, "PERMISSION_DENIED", "The caller does not have permission", of_fcm=False),
    "UNAUTHENTICATED": ErrorKind(
        401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", of_fcm=False
    ),
    "NOT_FOUND": ErrorKind(404, "NOT_FOUND", "Requested entity was not found.", of_fcm=False),
}

_USUAL = {
    401: "UNAUTHENTICATED",
    403: "SENDER_ID_MISMATCH",
    404: "UNREGISTERED",
    410: "UNREGISTERED",
    429: "QUOTA_EXCEEDED",
    503: "UNAVAILABLE",
}


def usual_reason(status: int) -> str:
    """What Google most often means by a status; for one it never sends, the general refusal or failure."""
    return _USUAL.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")


class FcmRefused(Exception):
    """A push breaks a rule of Google's.

    Attributes:
        reason: one of `KINDS`.
        violations: (field, description) pairs.
    """

    def __init__(self, reason: str, *violations: tuple[str, str]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.violations = violations


BAD_TOKEN = ("message.token", "The registration token is not a valid FCM registration token")


def refusal_to_order(reason: str, status: int) -> FcmRefused:
    """The refusal a rule asks for: INVALID_ARGUMENT with 400 speaks of the token, as most rules are about one."""
    return FcmRefused(reason, *([BAD_TOKEN] if (status, reason) == (400, "INVALID_ARGUMENT") else []))


def usual_status(reason: str) -> int:
    """The status that goes with a reason; 400 for one Google does not know."""
    return KINDS[reason].status if reason in KINDS else 400


def error_body(refused: FcmRefused, status: int) -> bytes:
    """Write Google's error JSON; a reason Google does not know is written as an FcmError all the same."""
    kind = KINDS.get(refused.reason) or ErrorKind(status, "UNKNOWN", "Unknown error.")
    details: list[dict[str, Any]] = []
    if kind.of_fcm:
        details.append({"@type": _FCM_ERROR, "errorCode": refused.reason})
    if refused.violations:
        named = [{"field": field, "description": what} for field, what in refused.violations]
        details.append({"@type": _BAD_REQUEST, "fieldViolations": named})
    message = refused.violations[0][1] if refused.violations else kind.message
    error: dict[str, Any] = {"code": status, "message": message, "status": kind.rpc}
    if details:
        error["details"] = details
    return msgspec.json.encode({"error": error})
