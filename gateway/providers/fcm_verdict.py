"""What each of Google's answers means for the push, the token and the credentials.

Source: Google, "FCM error codes" and "REST Resource: ErrorCode" of the HTTP v1 API.
"""

import msgspec

from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind

_BY_ERROR_CODE = {
    (404, "UNREGISTERED"): (VerdictKind.DEAD, Reason.FCM_UNREGISTERED),
    (410, "UNREGISTERED"): (VerdictKind.DEAD, Reason.FCM_UNREGISTERED),
    (400, "INVALID_ARGUMENT"): (VerdictKind.REFUSED, Reason.FCM_INVALID_ARGUMENT),
    (403, "SENDER_ID_MISMATCH"): (VerdictKind.FOREIGN, Reason.FCM_SENDER_ID_MISMATCH),
    (401, "THIRD_PARTY_AUTH_ERROR"): (VerdictKind.REFUSED, Reason.FCM_THIRD_PARTY_AUTH_ERROR),
    (429, "QUOTA_EXCEEDED"): (VerdictKind.LATER, Reason.FCM_QUOTA_EXCEEDED),
    (500, "INTERNAL"): (VerdictKind.LATER, Reason.FCM_INTERNAL),
    (503, "UNAVAILABLE"): (VerdictKind.LATER, Reason.FCM_UNAVAILABLE),
}
"""A word counts only with its own status: what stands in a 500 proves nothing about a token."""

_BY_STATUS = {
    400: (VerdictKind.REFUSED, Reason.FCM_INVALID_ARGUMENT),
    401: (VerdictKind.CREDENTIALS_REFUSED, Reason.FCM_UNAUTHENTICATED),
    403: (VerdictKind.CREDENTIALS_REFUSED, Reason.FCM_PERMISSION_DENIED),
    404: (VerdictKind.CREDENTIALS_REFUSED, Reason.FCM_PROJECT_NOT_FOUND),
    429: (VerdictKind.LATER, Reason.FCM_QUOTA_EXCEEDED),
    500: (VerdictKind.LATER, Reason.FCM_INTERNAL),
    503: (VerdictKind.LATER, Reason.FCM_UNAVAILABLE),
}
"""For answers without an FcmError: they speak of the project, the caller or the service, never of the token."""

GOOGLE_ANSWERS = (*_BY_ERROR_CODE.values(), *_BY_STATUS.values())

_WAITS = {Reason.FCM_QUOTA_EXCEEDED: 60.0, Reason.FCM_UNAVAILABLE: 10.0, Reason.FCM_INTERNAL: 10.0}
"""Seconds Google asks for where it sends no Retry-After."""


class _Violation(msgspec.Struct, frozen=True):
    field: str = ""


class _Detail(msgspec.Struct, frozen=True, rename="camel"):
    error_code: str = ""
    field_violations: list[_Violation] = []


class _Error(msgspec.Struct, frozen=True):
    status: str = ""
    details: list[_Detail] = []


class _ErrorBody(msgspec.Struct, frozen=True):
    error: _Error = _Error()


class _Success(msgspec.Struct):
    name: str = ""


def fcm_verdict(status: int, body: bytes, retry_after: float | None = None) -> Verdict:
    """Read one answer of Google's; `retry_after` is what it asked for, in seconds."""
    if status == 200:
        return Verdict(VerdictKind.ACCEPTED, Reason.DELIVERED, status, provider_id=_message_name(body))
    error = _read_error(body)
    kind, reason = _judge(status, error)
    return Verdict(
        kind,
        reason,
        status,
        _words(error),
        retry_after=retry_after if retry_after is not None else _WAITS.get(reason),
    )


def _message_name(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Success).name
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _read_error(body: bytes) -> _Error:
    """Load balancers answer in HTML; then only the status speaks."""
    try:
        return msgspec.json.decode(body, type=_ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Error()


def _error_code(error: _Error) -> str:
    return next((detail.error_code for detail in error.details if detail.error_code), "")


def _judge(status: int, error: _Error) -> tuple[VerdictKind, Reason]:
    code = _error_code(error)
    if (status, code) == (400, "INVALID_ARGUMENT") and _only_token_is_wrong(error):
        return VerdictKind.SUSPECT, Reason.FCM_INVALID_TOKEN
    known = _BY_ERROR_CODE.get((status, code)) or _BY_STATUS.get(status)
    if known:
        return known
    return (VerdictKind.LATER if status >= 500 or status == 408 else VerdictKind.REFUSED), Reason.FCM_UNKNOWN_ANSWER


def _only_token_is_wrong(error: _Error) -> bool:
    fields = {violation.field for detail in error.details for violation in detail.field_violations}
    return fields == {"message.token"}


def _words(error: _Error) -> str:
    return (_error_code(error) or error.status)[:64]
