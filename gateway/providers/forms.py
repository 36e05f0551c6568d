"""The forms in which one push may go out, best first."""

from collections.abc import Iterator

from gateway.model.notification import Notification
from gateway.rocketchat.id_only import id_only


def forms(notification: Notification) -> Iterator[Notification]:
    """Yield the push as it came and then, for when that is too large, as message-id-only where the app can fetch."""
    yield notification
    reduced = id_only(notification)
    if reduced is not None:
        yield reduced
