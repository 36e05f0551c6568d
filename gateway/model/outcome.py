"""The one outcome taxonomy: what became of a push, for the answer, the log, the metrics and the record.

Outcome
├── Delivered       the provider took it
├── Stored          it lies in the outbox and will be sent from there
├── Duplicate       the same push is done, or owed, already
├── TokenDead       the device token is proven dead: the server forgets it
├── Rejected        it must not come again
├── Unauthorized    the sender is unknown or barred
├── Later           the same push may succeed in a minute
├── Expired         it was stored, and its time was over before a provider took it
└── Cleared         it was stored, and its workspace or app is not there any more
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


class Stored(Outcome, frozen=True):
    """The gateway owes the push: it is on disk and will be attempted at `due_at` (UNIX seconds)."""

    label: ClassVar[str] = "stored"
    due_at: float = 0.0


class Duplicate(Outcome, frozen=True):
    """The push with the id `of` is the same one, delivered or stored already."""

    label: ClassVar[str] = "duplicate"
    reason: Reason = Reason.DUPLICATE
    of: str = ""


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
    """Come again, no sooner than `retry_after` seconds from now.

    `status` is the HTTP status that says so, where the official gateway has chosen it.
    """

    label: ClassVar[str] = "later"
    retry_after: float | None = None
    status: int | None = None


class Expired(Outcome, frozen=True):
    """Stored, and of no use any more before a provider took it."""

    label: ClassVar[str] = "expired"
    reason: Reason = Reason.EXPIRED


class Cleared(Outcome, frozen=True):
    """Stored, and not to be sent any more: whom it came from or where it went is gone."""

    label: ClassVar[str] = "cleared"
