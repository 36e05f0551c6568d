"""Pushes of every form."""

from typing import Any

from gateway.model.notification import Kind, Notification, Payload, Platform

ID = "8f3a0c1e-0000-4000-a000-000000000000"
NOW = 1_800_000_000.0
IPHONE = "a" * 64
ANDROID = "fcmtok:APA91bEXAMPLE_TOKEN"
TOPIC = "chat.rocket.ios"
PAYLOAD = Payload(
    ejson='{"host":"https://chat.example.org/","messageId":"m1"}', host="https://chat.example.org/", message_id="m1"
)
LONG = "x" * 5000


def iphone_push(**changed: Any) -> Notification:
    return _push(Platform.APN, IPHONE, {"topic": TOPIC, **changed})


def android_push(**changed: Any) -> Notification:
    return _push(Platform.GCM, ANDROID, changed)


def _push(platform: Platform, token: str, changed: dict[str, Any]) -> Notification:
    usual = {
        "id": ID,
        "platform": platform,
        "kind": Kind.MESSAGE,
        "token": token,
        "unique_id": "UNIQUEID",
        "received_at": NOW,
        "expires_at": NOW + 3600,
        "title": "#general",
        "text": "alice: Hello",
        "not_id": 7,
        "payload": PAYLOAD,
    }
    return Notification(**{**usual, **changed})
