"""A Notification as Google takes it, in the form Rocket.Chat's app reads.

`data` only, every value a string: a `notification` block would make the system draw the push itself, and the
app's handler, message-id fetch, decryption and ringing would not run in the background.
"""

import zlib
from typing import Any

import msgspec

from gateway.model.notification import Kind, Notification
from gateway.providers.forms import seconds_left

MAX_DATA_BYTES = 4096
FCM_CHECK = msgspec.json.encode(
    {"validate_only": True, "message": {"topic": "push-gateway-canary", "data": {"check": "credentials"}}}
)
"""A send request that is validated and delivered to nobody (`validate_only`), to a topic that no device knows."""


class FcmMessage(msgspec.Struct, frozen=True):
    """The `message` of a send request, and the size Google counts against its limit."""

    message: dict[str, Any]
    data_bytes: int

    def __repr__(self) -> str:
        return f"FcmMessage({self.data_bytes} bytes)"

    @property
    def fits(self) -> bool:
        """Google takes 4096 bytes of data keys and values."""
        return self.data_bytes <= MAX_DATA_BYTES

    def body(self) -> bytes:
        """Write the request body."""
        return msgspec.json.encode({"message": self.message})


def fcm_message(notification: Notification, now: float) -> FcmMessage:
    """Build the message for one push; `now` is UNIX seconds."""
    data = _data(notification)
    message = {"token": notification.token, "data": data, "android": _android(notification, now)}
    return FcmMessage(message, sum(len(key) + len(value.encode()) for key, value in data.items()))


def _android(notification: Notification, now: float) -> dict[str, str]:
    """Give a `ttl` only where the push names a lifetime; Google's own default is four weeks."""
    android = {"priority": "HIGH"}
    if notification.lifetime_given:
        android["ttl"] = f"{seconds_left(notification, now)}s"
    return android


def _data(notification: Notification) -> dict[str, str]:
    payload, badge = notification.payload, notification.badge
    data = {
        "ejson": payload.ejson if payload else None,
        "notId": str(not_id(notification)),
        "msgcnt": str(badge) if badge is not None else None,
        "soundname": notification.sound,
        "style": notification.style,
        "image": notification.image,
        "summaryText": notification.summary_text,
        **_shown(notification),
    }
    return {key: value for key, value in data.items() if value is not None}


def _shown(notification: Notification) -> dict[str, str | None]:
    if notification.kind in (Kind.VOIP_RING, Kind.VOIP_SIGNAL):
        return {}
    return {"title": notification.title, "message": notification.text}


def not_id(notification: Notification) -> int:
    """Return the push's notId, or invent one: the app drops a push without (since 4.68), and the test push has none.

    An invented one is the same whenever the same push comes again, positive, 32-bit, and neither 0 nor 1.
    """
    if notification.not_id is not None:
        return notification.not_id
    payload = notification.payload.ejson if notification.payload else ""
    facts = (notification.unique_id, notification.created_at or "", notification.title or "", payload)
    return zlib.crc32("\0".join(facts).encode()) & 0x7FFF_FFFF | 2
