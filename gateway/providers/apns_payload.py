"""A Notification as Apple takes it, in the form Rocket.Chat's app reads.

Every alert carries `mutable-content: 1`: without it the app's avatar, decryption and message-id fetch do not run.
"""

from typing import Any

import msgspec
from aioapns import NotificationRequest, PushType

from gateway.model.notification import Kind, Notification, new_push_id
from gateway.providers.forms import seconds_left

MAX_BYTES = 4096
MAX_VOIP_BYTES = 5120
NOBODY = "0" * 64
"""A device token that Apple gives to no device."""
_PUSH_TYPES = {Kind.VOIP_RING: PushType.VOIP, Kind.VOIP_SIGNAL: PushType.BACKGROUND}


def apns_request(notification: Notification, now: float) -> NotificationRequest:
    """Build the request for one push; `now` is UNIX seconds."""
    push_type = _PUSH_TYPES.get(notification.kind, PushType.ALERT)
    return NotificationRequest(
        device_token=notification.token,
        message=_message(notification),
        notification_id=notification.id,
        time_to_live=seconds_left(notification, now),
        priority=5 if push_type is PushType.BACKGROUND else 10,
        collapse_key=notification.id if push_type is PushType.ALERT else None,
        push_type=push_type,
        apns_topic=notification.topic,
    )


def apns_check(topic: str | None) -> NotificationRequest:
    """Build a push that shows nothing, to a token that no device has."""
    return NotificationRequest(
        device_token=NOBODY,
        message={"aps": {"content-available": 1}},
        notification_id=new_push_id(),
        time_to_live=0,
        priority=5,
        push_type=PushType.BACKGROUND,
        apns_topic=topic,
    )


def apns_body(request: NotificationRequest) -> bytes:
    """Write the payload as JSON in UTF-8."""
    return msgspec.json.encode(request.message)


def fits_apns(request: NotificationRequest, body: bytes) -> bool:
    """Tell whether Apple takes a payload of this size for this push type."""
    return len(body) <= (MAX_VOIP_BYTES if request.push_type is PushType.VOIP else MAX_BYTES)


def _message(notification: Notification) -> dict[str, Any]:
    message: dict[str, Any] = {"aps": _aps(notification)}
    if notification.payload is not None:
        message["ejson"] = notification.payload.ejson
    if notification.sender is not None:
        message["messageFrom"] = notification.sender
    return message


def _aps(notification: Notification) -> dict[str, Any]:
    if notification.kind is Kind.VOIP_SIGNAL:
        aps: dict[str, Any] = {"content-available": 1}
    elif notification.kind is Kind.VOIP_RING:
        aps = {"mutable-content": 1}
    else:
        aps = {**_shown(notification), "mutable-content": 1}
    if notification.not_id is not None:
        aps["thread-id"] = str(notification.not_id)
    return aps


def _shown(notification: Notification) -> dict[str, Any]:
    """List what the phone shows; nothing the request did not have, for a badge of 0 would clear the badge."""
    shown = {
        "alert": _alert(notification),
        "badge": notification.badge,
        "sound": notification.sound,
        "category": notification.category,
    }
    return {key: value for key, value in shown.items() if value is not None}


def _alert(notification: Notification) -> dict[str, str] | str | None:
    if notification.title is None:
        return notification.text
    return {"title": notification.title, "body": notification.text or ""}
