"""What a Rocket.Chat server sends, for the demonstration: every kind of push to an iPhone and to an Android phone."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.model.notification import Platform

TOPIC = "chat.rocket.ios"
UNIQUE_ID = "demo-workspace"
IPHONE, ANDROID = "a1" * 32, "phone:APA91bDemo"
PUSHKIT = "b2" * 32
DEAD_IPHONE, DEAD_ANDROID = "dead" * 16, "dead:APA91bDemo"
_HOST = "https://chat.example.org/"


class Sample(msgspec.Struct, frozen=True):
    """One push request, and the status the server should get for it."""

    name: str
    platform: Platform
    token: str
    options: dict[str, Any]
    expected: int = 200

    def body(self) -> bytes:
        """Write the request's body."""
        return msgspec.json.encode({"token": self.token, "options": self.options})


def samples() -> list[Sample]:
    """Return the pushes of the demonstration, created now."""
    kinds = {
        "message": _message(),
        "message-id-only": _message_id_only(),
        "test push": _test(),
        "video conference": _video_conference(),
    }
    found = [sample for name, options in kinds.items() for sample in _both(name, options, IPHONE, ANDROID)]
    ring = _voip_ring()
    found.append(Sample("VoIP ring", Platform.APN, PUSHKIT, {**ring, "topic": f"{TOPIC}.voip"}))
    found.append(Sample("VoIP ring", Platform.GCM, ANDROID, ring))
    return found + _both("to a dead token", _message(), DEAD_IPHONE, DEAD_ANDROID, 406)


def _both(name: str, options: dict[str, Any], iphone: str, android: str, expected: int = 200) -> list[Sample]:
    return [
        Sample(name, Platform.APN, iphone, {**options, "topic": TOPIC}, expected),
        Sample(name, Platform.GCM, android, options, expected),
    ]


def _common() -> dict[str, Any]:
    created_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "createdAt": created_at,
        "createdBy": "<SERVER>",
        "sent": False,
        "sending": 0,
        "userId": "bob",
        "uniqueId": UNIQUE_ID,
    }


def _message() -> dict[str, Any]:
    payload = {
        "host": _HOST,
        "messageId": "message1",
        "notificationType": "message",
        "rid": "GENERAL",
        "sender": {"_id": "alice", "username": "alice", "name": "Alice"},
        "senderName": "alice",
        "type": "c",
        "name": "general",
    }
    shown = {
        "title": "#general",
        "text": "alice: Hello, ünïcode 🚀",
        "badge": 3,
        "sound": "default",
        "notId": -1234567890,
    }
    return {**_common(), "from": "push", **shown, "payload": payload, "apn": {"category": "MESSAGE"}, "gcm": _gcm()}


def _message_id_only() -> dict[str, Any]:
    payload = {"host": _HOST, "messageId": "message2", "notificationType": "message-id-only"}
    shown = {"text": "You have a new message", "badge": 1, "sound": "default", "notId": 42}
    return {**_common(), "from": "push", **shown, "payload": payload, "apn": {"category": "MESSAGE"}, "gcm": _gcm()}


def _test() -> dict[str, Any]:
    return {**_common(), "from": "push", "title": "@admin", "text": "This is a push test messsage", "sound": "default"}


def _video_conference() -> dict[str, Any]:
    payload = {
        "host": _HOST,
        "rid": "GENERAL",
        "notificationType": "videoconf",
        "callId": "call1",
        "caller": {"_id": "alice", "username": "alice", "name": "Alice"},
        "status": 0,
    }
    shown = {"title": "alice", "text": "Incoming call", "badge": 4, "sound": "ringtone.mp3", "notId": 77}
    return {**_common(), "from": "push", **shown, "payload": payload, "apn": {"category": "VIDEOCONF"}, "gcm": _gcm()}


def _voip_ring() -> dict[str, Any]:
    common = _common()
    payload = {
        "host": _HOST,
        "hostName": "Rocket.Chat",
        "notificationType": "voip",
        "type": "incoming_call",
        "callId": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "caller": {"type": "user", "id": "alice", "name": "Alice"},
        "username": "bob",
        "createdAt": common["createdAt"],
    }
    return {**common, "payload": payload, "notId": 99}


def _gcm() -> dict[str, str]:
    return {"style": "inbox", "image": f"{_HOST}assets/favicon_192.png"}
