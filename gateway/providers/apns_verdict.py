"""What each of Apple's answers means for the push, the token and the credentials.

Source: Apple, "Handling notification responses from APNs".
"""

from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind

APPLE_ANSWERS = {
    "Unregistered": (VerdictKind.DEAD, Reason.APNS_UNREGISTERED),
    "ExpiredToken": (VerdictKind.DEAD, Reason.APNS_EXPIRED_TOKEN),
    "BadDeviceToken": (VerdictKind.SUSPECT, Reason.APNS_BAD_DEVICE_TOKEN),
    "DeviceTokenNotForTopic": (VerdictKind.REFUSED, Reason.APNS_DEVICE_TOKEN_NOT_FOR_TOPIC),
    "TopicDisallowed": (VerdictKind.REFUSED, Reason.APNS_TOPIC_DISALLOWED),
    "BadTopic": (VerdictKind.REFUSED, Reason.APNS_BAD_TOPIC),
    "MissingTopic": (VerdictKind.REFUSED, Reason.APNS_MISSING_TOPIC),
    "BadCollapseId": (VerdictKind.REFUSED, Reason.APNS_BAD_COLLAPSE_ID),
    "BadExpirationDate": (VerdictKind.REFUSED, Reason.APNS_BAD_EXPIRATION_DATE),
    "BadMessageId": (VerdictKind.REFUSED, Reason.APNS_BAD_MESSAGE_ID),
    "BadPriority": (VerdictKind.REFUSED, Reason.APNS_BAD_PRIORITY),
    "DuplicateHeaders": (VerdictKind.REFUSED, Reason.APNS_DUPLICATE_HEADERS),
    "InvalidPushType": (VerdictKind.REFUSED, Reason.APNS_INVALID_PUSH_TYPE),
    "MissingDeviceToken": (VerdictKind.REFUSED, Reason.APNS_MISSING_DEVICE_TOKEN),
    "PayloadEmpty": (VerdictKind.REFUSED, Reason.APNS_PAYLOAD_EMPTY),
    "BadPath": (VerdictKind.REFUSED, Reason.APNS_BAD_PATH),
    "MethodNotAllowed": (VerdictKind.REFUSED, Reason.APNS_METHOD_NOT_ALLOWED),
    "Forbidden": (VerdictKind.REFUSED, Reason.APNS_FORBIDDEN),
    "PayloadTooLarge": (VerdictKind.REFUSED, Reason.APNS_PAYLOAD_TOO_LARGE),
    "BadCertificate": (VerdictKind.CREDENTIALS_REFUSED, Reason.APNS_BAD_CERTIFICATE),
    "BadCertificateEnvironment": (VerdictKind.CREDENTIALS_REFUSED, Reason.APNS_BAD_CERTIFICATE_ENVIRONMENT),
    "InvalidProviderToken": (VerdictKind.CREDENTIALS_REFUSED, Reason.APNS_INVALID_PROVIDER_TOKEN),
    "MissingProviderToken": (VerdictKind.CREDENTIALS_REFUSED, Reason.APNS_MISSING_PROVIDER_TOKEN),
    "ExpiredProviderToken": (VerdictKind.CREDENTIALS_REFUSED, Reason.APNS_EXPIRED_PROVIDER_TOKEN),
    "UnrelatedKeyIdInToken": (VerdictKind.CREDENTIALS_REFUSED, Reason.APNS_UNRELATED_KEY_ID_IN_TOKEN),
    "BadEnvironmentKeyIdInToken": (VerdictKind.CREDENTIALS_REFUSED, Reason.APNS_BAD_ENVIRONMENT_KEY_ID_IN_TOKEN),
    "IdleTimeout": (VerdictKind.LATER, Reason.APNS_IDLE_TIMEOUT),
    "TooManyRequests": (VerdictKind.LATER, Reason.APNS_TOO_MANY_REQUESTS),
    "TooManyProviderTokenUpdates": (VerdictKind.LATER, Reason.APNS_TOO_MANY_PROVIDER_TOKEN_UPDATES),
    "InternalServerError": (VerdictKind.LATER, Reason.APNS_INTERNAL_SERVER_ERROR),
    "ServiceUnavailable": (VerdictKind.LATER, Reason.APNS_SERVICE_UNAVAILABLE),
    "Shutdown": (VerdictKind.LATER, Reason.APNS_SHUTDOWN),
}
APPLE_ANSWERS["BadEnvironmentKeyInToken"] = APPLE_ANSWERS[
    "BadEnvironmentKeyIdInToken"
]  # Apple documents both spellings
_MAX_WORDS = 64
_ENDS_A_TOKEN = {VerdictKind.DEAD: 410, VerdictKind.SUSPECT: 400}
"""With any other status the same words prove nothing about a token."""


def apns_verdict(
    status: int, words: str, apns_id: str, timestamp_ms: int | None = None, retry_after: float | None = None
) -> Verdict:
    """Read one answer of Apple's.

    Args:
        status: the HTTP status.
        words: the `reason` of the JSON body, "" when there is none.
        apns_id: the push's name with Apple.
        timestamp_ms: on 410, since when (UNIX milliseconds) the token is dead.
        retry_after: seconds Apple asked for.
    """
    if status == 200:
        return Verdict(VerdictKind.ACCEPTED, Reason.DELIVERED, status, provider_id=apns_id)
    kind, reason = APPLE_ANSWERS.get(words, (None, Reason.APNS_UNKNOWN_ANSWER))
    if kind is None or status != _ENDS_A_TOKEN.get(kind, status):
        kind, reason = _kind_of_unknown(status), Reason.APNS_UNKNOWN_ANSWER
    since = timestamp_ms / 1000 if timestamp_ms is not None else None
    return Verdict(kind, reason, status, words[:_MAX_WORDS], apns_id, retry_after, since)


def _kind_of_unknown(status: int) -> VerdictKind:
    """Say by the status alone whether to come again; an answer without a known reason never ends a token."""
    return VerdictKind.LATER if status >= 500 or status in (408, 429) else VerdictKind.REFUSED
