"""Notices of things that did not happen."""

from typing import Any

from gateway.model.notice import Notice, NoticeKind


def notice(subject: str, /, **fields: Any) -> Notice:
    """A notice of 1000 that has no end; only what the test is about need be given."""
    usual: dict[str, Any] = {"kind": NoticeKind.BREAKER_OPEN, "subject": subject, "at": 1000.0}
    return Notice(**usual | fields)
