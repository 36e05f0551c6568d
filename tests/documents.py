"""The reference pages that are made from the code: `python -m tests.documents` writes them."""

from collections.abc import Iterator
from pathlib import Path

from gateway.delivery.judgement import judge
from gateway.model.explanation import explain
from gateway.model.outcome import (
    Cleared,
    Delivered,
    Duplicate,
    Expired,
    Later,
    Outcome,
    Rejected,
    Stored,
    TokenDead,
    Unauthorized,
)
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.providers.apns_verdict import APPLE_ANSWERS
from gateway.providers.fcm_verdict import GOOGLE_ANSWERS
from gateway.rocketchat.answer import status_of

ROOT = Path(__file__).parent.parent
REASON_CODES = ROOT / "docs" / "reference" / "reason-codes.md"
README = ROOT / "README.md"
_BEGIN, _END = "<!-- reason codes -->\n", "<!-- end of reason codes -->"

_AT_THE_DOOR = {
    Unauthorized: (
        Reason.SECRET_MISSING,
        Reason.WORKSPACE_UNKNOWN,
        Reason.WORKSPACE_SUSPENDED,
        Reason.ADDRESS_NOT_ALLOWED,
        Reason.UNIQUE_ID_MISMATCH,
        Reason.FORWARDED_UNAUTHORIZED,
    ),
    Stored: (
        Reason.STORED_LATER,
        Reason.STORED_SLOW,
        Reason.STORED_RESTING,
        Reason.STORED_IN_LINE,
        Reason.STORED_BUSY,
        Reason.STORED_HELD,
    ),
    Delivered: (Reason.DELIVERED, Reason.FORWARDED),
    Duplicate: (Reason.DUPLICATE,),
    TokenDead: (Reason.FORWARDED_TOKEN_DEAD,),
    Expired: (Reason.EXPIRED,),
    Cleared: (Reason.WORKSPACE_GONE,),
    Later: (
        Reason.STARTING,
        Reason.STORE_UNAVAILABLE,
        Reason.OUTBOX_FULL,
        Reason.OUTBOX_SHARE_FULL,
        Reason.OUTBOX_APP_SHARE_FULL,
        Reason.WORKSPACE_RATE,
        Reason.APP_RATE,
        Reason.WORKSPACE_BUSY,
        Reason.APP_BUSY,
        Reason.FAILED_TOO_OFTEN,
        Reason.FORWARDED_LATER,
        Reason.FORWARDING_FAILED,
        Reason.OUT_OF_TIME,
        Reason.CREDENTIALS_UNUSABLE,
        Reason.INTERNAL_ERROR,
    ),
}
_NO_ANSWER = {
    Reason.APNS_UNREACHABLE: VerdictKind.LATER,
    Reason.APNS_UNANSWERED: VerdictKind.LATER,
    Reason.FCM_UNREACHABLE: VerdictKind.LATER,
    Reason.FCM_UNANSWERED: VerdictKind.LATER,
    Reason.FCM_OAUTH_REFUSED: VerdictKind.CREDENTIALS_REFUSED,
    Reason.FCM_OAUTH_UNAVAILABLE: VerdictKind.LATER,
    Reason.FCM_INVALID_TOKEN: VerdictKind.SUSPECT,
}


def outcome_of(reason: Reason) -> Outcome:
    """Say which outcome a reason code comes with."""
    kinds = {said: kind for kind, said in (*APPLE_ANSWERS.values(), *GOOGLE_ANSWERS)} | _NO_ANSWER
    if reason in kinds:
        outcome = judge(Verdict(kinds[reason], reason), proven=True)
        return outcome if isinstance(outcome, TokenDead | Later) else Rejected(reason)
    for kind, reasons in _AT_THE_DOOR.items():
        if reason in reasons:
            return kind(reason)
    return Rejected(reason)


def reason_codes() -> str:
    """Write the page of all reason codes."""
    return "\n".join(_lines()) + "\n"


def readme(present: str) -> str:
    """Put the table of all reason codes into the present README, between its two marks."""
    before, _, rest = present.partition(_BEGIN)
    table = "\n".join(_table())
    return f"{before}{_BEGIN}\n{table}\n\n{_END}{rest.partition(_END)[2]}"


def _lines() -> Iterator[str]:
    yield "# Reason codes"
    yield ""
    yield "Every push ends in one of these. The same word stands in the answer (`code`, `Gateway-Outcome`), in the log"
    yield "line (`reason`) and in the metric (`push_requests_total{reason=...}`)."
    yield ""
    yield "Where a provider could not take a push now, the answer is 200 with one of the `stored` codes, and the code"
    yield "here says why the gateway keeps it; 429 and 503 are said when it cannot be kept."
    yield ""
    yield from _table()


def _table() -> Iterator[str]:
    yield "| code | answered | what happened | what to do |"
    yield "| --- | --- | --- | --- |"
    for reason in Reason:
        meaning, remedy = explain(reason)
        yield f"| `{reason.value}` | {_answered(reason)} | {_cell(meaning)} | {_cell(remedy)} |"


def _answered(reason: Reason) -> str:
    """Say how a push that ends so is answered: one that may succeed later is stored, if a provider was asked."""
    outcome = outcome_of(reason)
    if isinstance(outcome, Expired | Cleared):
        return "200 before"
    status = "422, 503" if reason.value.endswith("unknown_answer") else str(status_of(outcome))
    is_storable = isinstance(outcome, Later) and reason not in _AT_THE_DOOR[Later]
    return f"200, {status}" if is_storable else status


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    REASON_CODES.write_text(reason_codes())
    README.write_text(readme(README.read_text()))
