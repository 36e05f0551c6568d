"""A push request's body, read into a Notification.

The fields are those of Rocket.Chat servers since 0.74.3. Unknown fields are ignored and null counts as absent, so
that a newer server is never refused for saying more.
"""

import re
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from gateway.model.notification import VOIP_SUFFIX, Kind, Notification, Payload, Platform
from gateway.model.outcome import Rejected
from gateway.model.reason import Reason
from gateway.rocketchat.lifetime import call_lifetime, lifetime
from gateway.rocketchat.strict_json import AmbiguousJson, compact

MAX_TOKEN = 4096
_TOKEN = re.compile(rf"[A-Za-z0-9:_-]{{1,{MAX_TOKEN}}}")
"""APNs tokens are hexadecimal, FCM tokens are base64url with a colon."""

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]


class _Apn(msgspec.Struct, frozen=True, rename="camel"):
    category: str | None = None
    expiration_seconds: Annotated[float, Meta(ge=0)] | None = None
    text: str | None = None


class _Gcm(msgspec.Struct, frozen=True, rename="camel"):
    style: str | None = None
    image: str | None = None
    summary_text: str | None = None


class _Options(msgspec.Struct, frozen=True, rename="camel"):
    unique_id: str | None = None
    created_at: object = None
    topic: str | None = None
    sender: str | None = msgspec.field(default=None, name="from")
    title: str | None = None
    text: str | None = None
    payload: Raw | UnsetType = UNSET
    badge: int | None = None
    sound: str | None = None
    not_id: Int32 | None = None
    apn: _Apn | None = None
    gcm: _Gcm | None = None

    def __repr__(self) -> str:
        return "_Options(***)"


class _Body(msgspec.Struct, frozen=True):
    token: str
    options: _Options

    def __repr__(self) -> str:
        return "_Body(***)"


class _PayloadFacts(msgspec.Struct, frozen=True, rename="camel"):
    """The members of `payload` the gateway looks at; of any type, for the payload is the server's own."""

    host: object = None
    message_id: object = None
    call_id: object = None
    notification_type: object = None
    type: object = None
    created_at: object = None


_decode_body = msgspec.json.Decoder(_Body).decode
_decode_facts = msgspec.json.Decoder(_PayloadFacts).decode


def read_request(body: bytes, platform: Platform, push_id: str, arrived_at: float) -> Notification | Rejected:
    """Turn the body of a push request into a Notification, or say why it can never be one.

    Args:
        body: the request's bytes, whole.
        platform: the door it came through.
        push_id: a canonical UUID, new for every push.
        arrived_at: UNIX time in seconds.
    """
    try:
        wire = _decode_body(compact(body))
        payload = _read_payload(wire.options.payload)
    except AmbiguousJson as error:
        return Rejected(Reason.INVALID_JSON, str(error))
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        return Rejected(Reason.INVALID_REQUEST, str(error).replace("$.", ""))
    refusal = _refusal(wire)
    return refusal or _notification(wire, payload, platform, push_id, arrived_at)


def is_ring(body: bytes, platform: Platform, arrived_at: float) -> bool:
    """Tell whether a body is that of a VoIP ring; of others a glance is enough. See `read_request`."""
    if b"voip" not in body:
        return False
    read = read_request(body, platform, "", arrived_at)
    return not isinstance(read, Rejected) and read.kind is Kind.VOIP_RING


def _read_payload(raw: Raw | UnsetType) -> Payload | None:
    """Keep the payload as written: numbers, nulls and unknown members reach the app as the server sent them."""
    if raw is UNSET or (text := bytes(raw)) == b"null":
        return None
    if not text.startswith(b"{"):
        raise msgspec.ValidationError("Expected `object` - at `options.payload`")
    facts = _decode_facts(text)
    return Payload(
        ejson=text.decode(),
        host=_text(facts.host),
        message_id=_text(facts.message_id),
        call_id=_text(facts.call_id),
        notification_type=_text(facts.notification_type),
        type=_text(facts.type),
        created_at=facts.created_at,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _refusal(wire: _Body) -> Rejected | None:
    if not _TOKEN.fullmatch(wire.token):
        return Rejected(Reason.TOKEN_MALFORMED)
    if not wire.options.unique_id:
        return Rejected(Reason.UNIQUE_ID_MISSING)
    return None


def _notification(
    wire: _Body, payload: Payload | None, platform: Platform, push_id: str, arrived_at: float
) -> Notification | Rejected:
    options, apn, gcm = wire.options, wire.options.apn or _Apn(), wire.options.gcm or _Gcm()
    kind = kind_of(platform, options.topic, payload)
    is_call = kind is Kind.VOIP_RING or (kind is Kind.VOIP_SIGNAL and payload is not None and payload.is_call)
    created_at = options.created_at if payload is None or payload.created_at is None else payload.created_at
    span = call_lifetime(created_at, arrived_at) if is_call else lifetime(apn.expiration_seconds, arrived_at)
    if is_call and span.expires_at <= arrived_at:
        return Rejected(Reason.VOIP_EXPIRED)
    return Notification(
        id=push_id,
        platform=platform,
        kind=kind,
        token=wire.token,
        unique_id=options.unique_id or "",
        received_at=arrived_at,
        expires_at=span.expires_at,
        lifetime_given=span.given,
        created_at=_text(options.created_at),
        topic=options.topic,
        title=options.title or None,
        text=apn.text if platform is Platform.APN and apn.text is not None else options.text,
        sender=options.sender,
        badge=options.badge,
        sound=options.sound,
        not_id=options.not_id,
        category=apn.category,
        style=gcm.style,
        image=gcm.image,
        summary_text=gcm.summary_text,
        payload=payload,
    )


def kind_of(platform: Platform, topic: str | None, payload: Payload | None) -> Kind:
    """Tell what a push is for; a VoIP ring carries no flag of its own.

    On apn a ring has a topic that ends in `.voip` and goes to a PushKit token; on gcm its payload says so.
    """
    if platform is Platform.APN and topic and topic.endswith(VOIP_SUFFIX):
        return Kind.VOIP_RING
    if payload is None:
        return Kind.TEST
    match payload.notification_type, payload.type:
        case "voip", _:
            return Kind.VOIP_RING if payload.is_call and platform is Platform.GCM else Kind.VOIP_SIGNAL
        case "message-id-only", _:
            return Kind.MESSAGE_ID_ONLY
        case "videoconf", _:
            return Kind.VIDEO_CONFERENCE
    return Kind.MESSAGE
