"""The forms in which one push may go out, best first, and for how long."""

import math
from collections.abc import Iterator

from gateway.model.notification import Kind, Notification
from gateway.rocketchat.id_only import id_only


def forms(notification: Notification) -> Iterator[Notification]:
    """Yield the push as it came and then, for when that is too large, as message-id-only where the app can fetch."""
    yield notification
    reduced = id_only(notification)
    if reduced is not None:
        yield reduced


def seconds_left(notification: Notification, now: float) -> int:
    """Return the whole seconds a push still lives at `now`: rounded up, but a ring must never come late."""
    left = max(0.0, notification.expires_at - now)
    return math.floor(left) if notification.kind is Kind.VOIP_RING else math.ceil(left)
