"""What of a push its workspace lets Apple, Google and the official gateway see.

The request itself is rewritten, before anything else is read from it: so the payload that goes out, the push that is
stored and the request that is forwarded say the same. What is not listed here is left out, also what a newer server
adds. Texts stay where they are ids, or words of a fixed set.

A push is opened by `host`, `rid`, `type` and `messageId`; the app also reads `sender.username` of a direct message and
fails where there is no `sender`, so it gets a nameless one: an iPhone reads no payload whose sender lacks `_id` or
`username`. A video conference rings by `host`, `rid`, `callId`, `status` and the id of the caller, to whom the app
answers. A VoIP ring needs a caller with a name, or the phone stays silent: it gets the name of the server.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gateway.model.notification import Kind
from gateway.model.workspace import Content
from gateway.rocketchat.lifetime import parse_time

Members = Mapping[str, Any]
Words = Mapping[str, tuple[str, ...]]

_PLAIN = ("uniqueId", "userId", "topic", "sent", "sending", "badge", "notId")
_WORDS: Words = {"createdBy": ("<SERVER>",), "from": ("push",)}
"""What is kept only where it is one of these words."""
_SOUNDS = ("default", "ringtone.mp3")
_APN_WORDS: Words = {"category": ("MESSAGE", "MESSAGE_NOREPLY", "VIDEOCONF")}
_GCM_WORDS: Words = {"style": ("inbox",)}
_OPENS_ROOM = ("host", "rid", "type", "messageId", "tmid", "notificationType")
_RINGS_CONFERENCE = ("host", "rid", "type", "callId", "status", "notificationType")
_RINGS_CALL = ("host", "type", "callId", "notificationType")
_ID = re.compile(r"\S{1,512}")
"""No sentence, and no name of two words."""
_CALLS = (Kind.VOIP_RING, Kind.VOIP_SIGNAL)
_NOBODY = {"_id": "", "username": ""}


def rewritten(body: bytes, kind: Kind, content: Content, fixed_text: str) -> bytes:
    """Return the body of a push request without what the workspace keeps to itself.

    Args:
        body: of a request that has been read without a fault.
        kind: what it was read as.
        content: how much may be seen.
        fixed_text: what a phone shows in place of the text.
    """
    if content is Content.FULL:
        return body
    request: dict[str, Any] = json.loads(body)  # msgspec refuses numbers beyond a double's range, which are legal
    options: dict[str, Any] = request["options"]
    kept = {
        **_kept(options, _PLAIN, _WORDS),
        **_time(options),
        **({} if kind in _CALLS else {"text": fixed_text}),
        "sound": _sound(options.get("sound")),
        "apn": _kept(options.get("apn") or {}, ("expirationSeconds",), _APN_WORDS),
        "gcm": _kept(options.get("gcm") or {}, (), _GCM_WORDS),
    }
    if isinstance(payload := options.get("payload"), dict):
        kept["payload"] = _payload(payload, kind, content)
    return msgspec.json.encode({"token": request["token"], "options": kept})


def _kept(members: Members, plain: tuple[str, ...], words: Words) -> dict[str, Any]:
    """Return the members that are numbers or ids, and those that are one of their words."""
    kept = {name: members[name] for name in plain if _is_plain(members.get(name))}
    return kept | {name: members[name] for name, known in words.items() if members.get(name) in known}


def _is_plain(value: object) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and _ID.fullmatch(value) is not None)


def _sound(sound: object) -> object:
    """Keep a push from falling silent whose sound has a name of its own."""
    return sound if sound in (None, *_SOUNDS) else "default"


def _payload(payload: Members, kind: Kind, content: Content) -> dict[str, Any]:
    match kind:
        case Kind.VOIP_RING | Kind.VOIP_SIGNAL:
            return _kept(payload, _RINGS_CALL, {}) | _time(payload) | _caller_of_call(payload)
        case Kind.VIDEO_CONFERENCE:
            return _kept(payload, _RINGS_CONFERENCE, {}) | {"caller": _ids(payload.get("caller"), "_id")}
    if content is Content.ID_ONLY or kind is Kind.MESSAGE_ID_ONLY:
        return _id_only(payload)
    return _kept(payload, _OPENS_ROOM, {}) | {"sender": _NOBODY}


def _id_only(payload: Members) -> dict[str, Any]:
    """Return the form from which the app fetches the message; where it could not, there is nothing to fetch."""
    kept = _kept(payload, ("host", "messageId"), {})
    return kept | {"notificationType": Kind.MESSAGE_ID_ONLY.value if len(kept) == 2 else Kind.MESSAGE.value}


def _time(members: Members) -> dict[str, Any]:
    created_at = members.get("createdAt")
    return {} if parse_time(created_at) is None else {"createdAt": created_at}


def _caller_of_call(payload: Members) -> dict[str, Any]:
    server = _server(_kept(payload, ("host",), {}).get("host"))
    return {"caller": _ids(payload.get("caller"), "type", "id") | {"name": server}, "hostName": server, "username": ""}


def _server(host: object) -> str:
    """Return the name in a server's address; one that cannot be read stands for itself."""
    address = host if isinstance(host, str) else ""
    try:
        return urlsplit(address).hostname or address
    except ValueError:
        return address


def _ids(person: object, *names: str) -> dict[str, Any]:
    return _kept(person, names, {}) if isinstance(person, dict) else {}
