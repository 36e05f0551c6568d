"""What a provider's verdict makes of a push.

"Not a token" is what a provider also says of every good token when our key is for another environment or project.
So it ends a token only when the same credentials have delivered something since they were last changed.
"""

from gateway.model.outcome import Delivered, Later, Outcome, Rejected, TokenDead
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind

OTHER_ENVIRONMENT_ONLY = (
    Reason.APNS_BAD_ENVIRONMENT_KEY_ID_IN_TOKEN,
    Reason.APNS_BAD_CERTIFICATE_ENVIRONMENT,
)
"""Of an app that is asked in both of Apple's environments: its key is for the other one, and nothing is wrong."""

_UNPROVEN = {
    Reason.APNS_BAD_DEVICE_TOKEN: Reason.APNS_BAD_DEVICE_TOKEN_UNPROVEN,
    Reason.FCM_INVALID_TOKEN: Reason.FCM_INVALID_TOKEN_UNPROVEN,
}


def judge(verdict: Verdict, proven: bool) -> Outcome:
    """Turn a provider's verdict into what becomes of the push.

    Args:
        verdict: what the provider said last.
        proven: whether the credentials it said it to have delivered since they were last changed.
    """
    match verdict.kind:
        case VerdictKind.ACCEPTED:
            return Delivered(provider_id=verdict.provider_id)
        case VerdictKind.DEAD:
            return TokenDead(verdict.reason, since=verdict.since)
        case VerdictKind.SUSPECT if proven:
            return TokenDead(verdict.reason)
        case VerdictKind.SUSPECT:
            return Rejected(_UNPROVEN[verdict.reason])
        case VerdictKind.CREDENTIALS_REFUSED | VerdictKind.LATER:
            return Later(verdict.reason, retry_after=verdict.retry_after)
    return Rejected(verdict.reason)
