"""What a verdict makes of a push."""

import pytest

from gateway.delivery.judgement import judge
from gateway.model.outcome import Delivered, Later, Outcome, Rejected, TokenDead
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind

ACCEPTED, DEAD, SUSPECT, FOREIGN, REFUSED, CREDENTIALS, LATER = VerdictKind


@pytest.mark.parametrize("proven", [True, False])
@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (Verdict(ACCEPTED, Reason.DELIVERED, 200, provider_id="name"), Delivered(provider_id="name")),
        (Verdict(DEAD, Reason.APNS_UNREGISTERED, 410, since=7.5), TokenDead(Reason.APNS_UNREGISTERED, since=7.5)),
        (Verdict(DEAD, Reason.FCM_UNREGISTERED, 404), TokenDead(Reason.FCM_UNREGISTERED)),
        (Verdict(FOREIGN, Reason.FCM_SENDER_ID_MISMATCH, 403), Rejected(Reason.FCM_SENDER_ID_MISMATCH)),
        (Verdict(REFUSED, Reason.APNS_BAD_TOPIC, 400), Rejected(Reason.APNS_BAD_TOPIC)),
        (
            Verdict(CREDENTIALS, Reason.APNS_INVALID_PROVIDER_TOKEN, 403),
            Later(Reason.APNS_INVALID_PROVIDER_TOKEN),
        ),
        (Verdict(LATER, Reason.FCM_UNAVAILABLE, 503, retry_after=9.0), Later(Reason.FCM_UNAVAILABLE, retry_after=9.0)),
        (Verdict(LATER, Reason.APNS_UNREACHABLE, words="connect_failed"), Later(Reason.APNS_UNREACHABLE)),
    ],
    ids=lambda value: value.reason.value if isinstance(value, Verdict) else "",
)
def test_a_verdict_becomes_an_outcome(verdict: Verdict, outcome: Outcome, proven: bool) -> None:
    assert judge(verdict, proven) == outcome


@pytest.mark.parametrize(
    ("reason", "unproven"),
    [
        (Reason.APNS_BAD_DEVICE_TOKEN, Reason.APNS_BAD_DEVICE_TOKEN_UNPROVEN),
        (Reason.FCM_INVALID_TOKEN, Reason.FCM_INVALID_TOKEN_UNPROVEN),
    ],
)
def test_what_is_no_token_is_dead_only_to_credentials_that_have_delivered(reason: Reason, unproven: Reason) -> None:
    assert judge(Verdict(SUSPECT, reason, 400), proven=True) == TokenDead(reason)
    assert judge(Verdict(SUSPECT, reason, 400), proven=False) == Rejected(unproven)
