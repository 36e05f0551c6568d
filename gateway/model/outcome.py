"""The one outcome taxonomy: what became of a push, for the answer, the log, the metrics and the record.

Outcome
├── Delivered       the provider took it
├── TokenDead       the device token is proven dead: the server forgets it
├── Rejected        it must not come again
├── Unauthorized    the sender is unknown or barred
└── Later           the same push may succeed in a minute
"""

from typing import ClassVar

import msgspec

from gateway.model.explanation import explain
from gateway.model.reason import Reason


class Outcome(msgspec.Struct, frozen=True):
    """What became of a push; `detail` adds what this one push has of its own, never its content."""

    label: ClassVar[str] = ""
    reason: Reason
    detail: str = ""

    @property
    def text(self) -> str:
        """One line for the sender's administrator."""
        meaning, remedy = explain(self.reason)
        return f"{meaning.rstrip('.')}: {self.detail}. {remedy}" if self.detail else f"{meaning} {remedy}".strip()


class Delivered(Outcome, frozen=True):
    """Apple or Google took the push; `provider_id` is their name for it."""

    label: ClassVar[str] = "delivered"
    reason: Reason = Reason.DELIVERED
    provider_id: str = ""


class TokenDead(Outcome, frozen=True):
    """The token is dead since `since` (UNIX seconds, None when the provider does not say)."""

    label: ClassVar[str] = "token_dead"
    since: float | None = None


class Rejected(Outcome, frozen=True):
    """Never again: the sender must not repeat it."""

    label: ClassVar[str] = "rejected"


class Unauthorized(Outcome, frozen=True):
    """The sender is not a workspace that may send."""

    label: ClassVar[str] = "unauthorized"


class Later(Outcome, frozen=True):
    """Come again, no sooner than `retry_after` seconds from now."""

    label: ClassVar[str] = "later"
    retry_after: float | None = None
