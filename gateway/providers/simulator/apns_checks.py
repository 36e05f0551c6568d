"""What Apple demands of a push request, rule by rule.

Source: Apple, "Sending notification requests to APNs" and "Generating a remote notification". Where Apple names no
reason for a rule (a background push that shows something, a push type that does not fit its topic), the nearest one is
used and the function says so.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

from gateway.providers.simulator.apns_reasons import Refused
from gateway.providers.simulator.exchange import Headers
from gateway.providers.simulator.json_body import read_object

MAX_PAYLOAD = 4096
MAX_VOIP_PAYLOAD = 5120
MAX_COLLAPSE_ID = 64
PUSH_TYPES = frozenset(
    {
        "alert",
        "background",
        "complication",
        "controls",
        "fileprovider",
        "liveactivity",
        "location",
        "mdm",
        "pushtotalk",
        "voip",
        "widgets",
    }
)

_PATH = "/3/device/"
_ONLY_ONCE = re.compile(r"authorization|apns-.*")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TOKEN = re.compile(r"([0-9a-f]{2})+", re.IGNORECASE)
_TOPIC = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_VISIBLE = frozenset({"alert", "badge", "sound"})


def token_of(path: str) -> str:
    """The device token a path names; "" when it names none."""
    token = path.removeprefix(_PATH)
    return "" if token == path or "/" in token else token


def is_message_id(value: str | None) -> bool:
    """Whether Apple takes this as `apns-id`."""
    return value is not None and _UUID.fullmatch(value) is not None


def check_route(method: str, path: str) -> None:
    """MethodNotAllowed, BadPath, MissingDeviceToken."""
    if method != "POST":
        raise Refused("MethodNotAllowed")
    if path in (_PATH, _PATH.removesuffix("/")):
        raise Refused("MissingDeviceToken")
    if not token_of(path):
        raise Refused("BadPath")


def check_token(token: str) -> None:
    """BadDeviceToken: not whole bytes in hexadecimal, or all zeros, which no device has."""
    if not _TOKEN.fullmatch(token) or not token.strip("0"):
        raise Refused("BadDeviceToken")


def check_headers(pairs: Headers) -> Mapping[str, str]:
    """Check each header by itself and return them all by name.

    DuplicateHeaders, BadMessageId, BadPriority, BadExpirationDate, BadCollapseId, InvalidPushType.
    """
    headers = _once(pairs)
    if not is_message_id(headers.get("apns-id", "00000000-0000-0000-0000-000000000000")):
        raise Refused("BadMessageId")
    if headers.get("apns-priority", "10") not in ("1", "5", "10"):
        raise Refused("BadPriority")
    if not re.fullmatch("[0-9]+", headers.get("apns-expiration", "0")):
        raise Refused("BadExpirationDate")
    if len(headers.get("apns-collapse-id", "").encode()) > MAX_COLLAPSE_ID:
        raise Refused("BadCollapseId")
    if headers.get("apns-push-type", "alert") not in PUSH_TYPES:
        raise Refused("InvalidPushType")
    return headers


def _once(pairs: Headers) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in pairs:
        if name in headers and _ONLY_ONCE.fullmatch(name):
            raise Refused("DuplicateHeaders")
        headers[name] = value
    return headers


def check_topic(headers: Mapping[str, str], certified: frozenset[str] | None) -> None:
    """Check the topic, also against the push type, and against the topics of the client's certificate if that counts.

    MissingTopic (a certificate for one topic needs none), BadTopic (also: a VoIP push to another topic than a
    `.voip` one), TopicDisallowed, InvalidPushType (also: any other push to a `.voip` topic).
    """
    topic = headers.get("apns-topic") or _only(certified)
    if topic is None:
        raise Refused("MissingTopic")
    if not _TOPIC.fullmatch(topic):
        raise Refused("BadTopic")
    if certified is not None and topic not in certified:
        raise Refused("TopicDisallowed")
    _check_voip(topic, is_voip(headers))


def _only(certified: frozenset[str] | None) -> str | None:
    return next(iter(certified)) if certified is not None and len(certified) == 1 else None


def _check_voip(topic: str, voip: bool) -> None:
    if voip and not topic.endswith(".voip"):
        raise Refused("BadTopic")
    if topic.endswith(".voip") and not voip:
        raise Refused("InvalidPushType")


def is_voip(headers: Mapping[str, str]) -> bool:
    """Whether the push rings through PushKit."""
    return headers.get("apns-push-type") == "voip"


def check_payload(headers: Mapping[str, str], body: bytes) -> None:
    """Check size and content.

    PayloadTooLarge; PayloadEmpty (also: not a JSON object with an `aps` object); for a background push BadPriority
    unless it is 5, and InvalidPushType unless `aps` says `content-available: 1` and shows or plays nothing.
    """
    if len(body) > (MAX_VOIP_PAYLOAD if is_voip(headers) else MAX_PAYLOAD):
        raise Refused("PayloadTooLarge")
    aps = (read_object(body) or {}).get("aps")
    if not isinstance(aps, dict):
        raise Refused("PayloadEmpty")
    if headers.get("apns-push-type") == "background":
        _check_background(headers, cast(dict[str, Any], aps))


def _check_background(headers: Mapping[str, str], aps: dict[str, Any]) -> None:
    if headers.get("apns-priority") != "5":
        raise Refused("BadPriority")
    if aps.get("content-available") != 1 or _VISIBLE & aps.keys():
        raise Refused("InvalidPushType")
