"""Message-id-only: the form of a push that always fits, and from which the app fetches the rest itself."""

import msgspec

from gateway.model.notification import Kind, Notification, Payload


def id_only(notification: Notification) -> Notification | None:
    """Rewrite a push into Rocket.Chat's message-id-only form, or None where the app could not fetch by it.

    The app needs `host` and `messageId`. A ring or a video conference must ring from what the push holds.
    """
    payload = notification.payload
    if notification.kind is not Kind.MESSAGE or payload is None or not (payload.host and payload.message_id):
        return None
    return msgspec.structs.replace(
        notification,
        kind=Kind.MESSAGE_ID_ONLY,
        title=None,
        text=notification.fixed_text,
        image=None,
        summary_text=None,
        payload=_reduced(payload.host, payload.message_id),
    )


def _reduced(host: str, message_id: str) -> Payload:
    members = {"host": host, "messageId": message_id, "notificationType": Kind.MESSAGE_ID_ONLY.value}
    return Payload(
        ejson=msgspec.json.encode(members).decode(),
        host=host,
        message_id=message_id,
        notification_type=Kind.MESSAGE_ID_ONLY.value,
    )
