"""Items of the outbox and claims to them."""

from typing import Any

from gateway.model.notification import Kind, Notification, Payload, Platform
from gateway.model.outbox import Claim, Lane, LateVerdict, OutboxItem

APPLE, GOOGLE = Lane("chat", "apns"), Lane("chat", "fcm")
TOKEN, TITLE, TEXT = "token-of-a-telephone", "title that nobody may read", "text that nobody may read"


def message(key: str) -> Notification:
    """A push with everything in it that must not be read."""
    return Notification(
        id=key,
        platform=Platform.APN,
        kind=Kind.MESSAGE,
        token=TOKEN,
        unique_id="unique",
        received_at=1000.0,
        expires_at=5000.0,
        title=TITLE,
        text=TEXT,
        payload=Payload(ejson='{"rid":"r"}', created_at={"$date": [1, 2.5, None, "x"]}),
    )


def owed(key: str, /, **fields: Any) -> OutboxItem:
    """An item that is due at 1000 and free, in a line of its own; only what the test is about need be given."""
    usual: dict[str, Any] = {
        "id": key,
        "key": f"key of {key}",
        "workspace": "acme",
        "lane": APPLE,
        "line": f"line of {key}",
        "device": "d" * 64,
        "received_at": 1000.0,
        "expires_at": 5000.0,
        "due_at": 1000.0,
        "attempts": 1,
        "reason": "apns_unavailable",
        "notification": message(key),
    }
    return OutboxItem(**usual | fields)


def claim(limit: int = 100, *, now: float = 2000.0, **fields: Any) -> Claim:
    """A claim of `me` for fifteen seconds."""
    usual: dict[str, Any] = {"owner": "me", "now": now, "until": now + 15.0, "limit": limit}
    return Claim(**usual | fields)


def late(device: str, /, **fields: Any) -> LateVerdict:
    """A verdict of 1000 on a device of acme's."""
    usual: dict[str, Any] = {
        "workspace": "acme",
        "device": device,
        "reason": "apns_unregistered",
        "since": 900.0,
        "at": 1000.0,
    }
    return LateVerdict(**usual | fields)
