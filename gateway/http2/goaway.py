"""Why the peer goes away, in one word that can be counted."""

import msgspec


class _Body(msgspec.Struct):
    reason: str


def goaway_reason(code: int, debug: bytes) -> str:
    """Return Apple's reason, which comes as JSON, or `code_<number>`; others say at most a code."""
    try:
        reason = msgspec.json.decode(debug, type=_Body).reason
    except (msgspec.DecodeError, UnicodeDecodeError):
        reason = ""
    if reason.isascii() and reason.isidentifier():
        return reason[:64]
    return f"code_{code}" if code < 0x100 else "code_other"
