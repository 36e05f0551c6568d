"""One push to one device, free of any wire format."""

import math
import secrets
from enum import StrEnum

import msgspec

from gateway.model.workspace import FIXED_TEXT


class Platform(StrEnum):
    """The two doors of the Rocket.Chat contract."""

    APN = "apn"
    GCM = "gcm"

    @property
    def provider(self) -> str:
        """The name of the service behind it, as in logs and metrics."""
        return "apns" if self is Platform.APN else "fcm"


class Kind(StrEnum):
    """What a push is for; it decides push type, lifetime and what may be left out."""

    MESSAGE = "message"
    MESSAGE_ID_ONLY = "message-id-only"
    VIDEO_CONFERENCE = "videoconf"
    TEST = "test"
    VOIP_RING = "voip-ring"
    VOIP_SIGNAL = "voip-signal"
    """The end of a ring: nothing to show, the app stops ringing."""


class Payload(msgspec.Struct, frozen=True):
    """The server's `payload`, verbatim, and the few facts the gateway itself reads from it."""

    ejson: str
    host: str | None = None
    message_id: str | None = None
    call_id: str | None = None
    notification_type: str | None = None
    type: str | None = None
    created_at: object = None

    @property
    def is_call(self) -> bool:
        """Tell whether it announces a call, which nobody answers after a minute."""
        return self.notification_type == "voip" and self.type == "incoming_call"

    def __repr__(self) -> str:
        return f"Payload({len(self.ejson)} characters)"


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One push. Times are UNIX seconds; `expires_at` is when it is of no use to anybody any more.

    `id` is a canonical UUID: the request id, the apns-id and, on alerts, the collapse id of every attempt.
    `lifetime_given` tells a lifetime that the push brought along from the usual hour. `fixed_text` is what is shown
    where the push is too large for its own text.
    """

    id: str
    platform: Platform
    kind: Kind
    token: str
    unique_id: str
    received_at: float
    expires_at: float
    lifetime_given: bool = False
    created_at: str | None = None
    topic: str | None = None
    title: str | None = None
    text: str | None = None
    sender: str | None = None
    badge: int | None = None
    sound: str | None = None
    not_id: int | None = None
    category: str | None = None
    style: str | None = None
    image: str | None = None
    summary_text: str | None = None
    fixed_text: str = FIXED_TEXT
    payload: Payload | None = None

    def __repr__(self) -> str:
        return f"Notification(id={self.id!r}, platform={self.platform.value!r}, kind={self.kind.value!r})"

    @property
    def app_topic(self) -> str | None:
        """The bundle id that names the app: the topic without `.voip`."""
        return self.topic.removesuffix(VOIP_SUFFIX) if self.topic else None

    def seconds_of_use(self, now: float) -> float:
        """Say for how long an attempt at `now` (UNIX seconds) may last: a ring that comes late is a phantom call."""
        return self.expires_at - now if self.kind is Kind.VOIP_RING else math.inf


VOIP_SUFFIX = ".voip"


def new_push_id() -> str:
    """Return a random canonical UUID (version 4, RFC 9562 section 5.4), made without the `uuid` module's 5 µs."""
    digits = secrets.token_hex(16)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
