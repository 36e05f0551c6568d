"""What Google takes as a send request; anything else is refused with the field's path.

Source: Google, "REST Resource: projects.messages" of the FCM HTTP v1 API. Names are taken as that page writes them
(snake_case). Pushes go to a registration token, or to a topic, which nobody follows here; conditions are not part of
this double.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from gateway.providers.simulator.fcm_errors import BAD_TOKEN, FcmRefused
from gateway.providers.simulator.json_body import locate

MAX_DATA = 4096
MAX_TTL = 28 * 24 * 3600

_TOKEN = re.compile(r"[A-Za-z0-9_:-]{1,4096}")
_TOPIC = re.compile(r"[A-Za-z0-9_.~%-]+")
_DURATION = re.compile(r"(?P<seconds>[0-9]{1,9})(\.[0-9]{1,9})?s")
_RESERVED = re.compile(r"from|message_type|(google|gcm)\..*", re.DOTALL)


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class FcmOptions(_Strict):
    """Options of the message or of one platform."""

    analytics_label: str | None = None
    image: str | None = None
    link: str | None = None


class Notification(_Strict):
    """What every platform shows."""

    title: str | None = None
    body: str | None = None
    image: str | None = None


class AndroidNotification(_Strict):
    """What Android draws by itself."""

    title: str | None = None
    body: str | None = None
    icon: str | None = None
    color: str | None = None
    sound: str | None = None
    tag: str | None = None
    click_action: str | None = None
    body_loc_key: str | None = None
    body_loc_args: list[str] = []
    title_loc_key: str | None = None
    title_loc_args: list[str] = []
    channel_id: str | None = None
    ticker: str | None = None
    sticky: bool = False
    event_time: str | None = None
    local_only: bool = False
    notification_priority: str | None = None
    default_sound: bool = False
    default_vibrate_timings: bool = False
    default_light_settings: bool = False
    vibrate_timings: list[str] = []
    visibility: str | None = None
    notification_count: int | None = None
    light_settings: dict[str, Any] | None = None
    image: str | None = None
    bypass_proxy_notification: bool = False
    proxy: str | None = None


class Android(_Strict):
    """How the push travels to Android devices."""

    collapse_key: str | None = None
    priority: Literal["HIGH", "NORMAL"] | None = None
    ttl: str | None = None
    restricted_package_name: str | None = None
    data: dict[str, Any] = {}
    notification: AndroidNotification | None = None
    fcm_options: FcmOptions | None = None
    direct_boot_ok: bool = False
    bandwidth_constrained_ok: bool = False
    restricted_satellite_ok: bool = False


class Webpush(_Strict):
    """How the push travels to browsers."""

    headers: dict[str, str] = {}
    data: dict[str, str] = {}
    notification: dict[str, Any] | None = None
    fcm_options: FcmOptions | None = None


class Apns(_Strict):
    """How the push travels to Apple devices."""

    headers: dict[str, str] = {}
    payload: dict[str, Any] | None = None
    fcm_options: FcmOptions | None = None
    live_activity_token: str | None = None


class Message(_Strict):
    """One push."""

    token: str | None = None
    topic: str | None = None
    data: dict[str, Any] = {}
    notification: Notification | None = None
    android: Android | None = None
    webpush: Webpush | None = None
    apns: Apns | None = None
    fcm_options: FcmOptions | None = None
    name: str | None = None


class SendRequest(_Strict):
    """The body of `messages:send`."""

    message: Message
    validate_only: bool = False


def check_send_request(body: Mapping[str, object]) -> SendRequest:
    """Read a body as Google does.

    Raises:
        FcmRefused: INVALID_ARGUMENT; the violation names the field ("message.data[key]", "message.android.ttl").
    """
    try:
        request = msgspec.convert(body, SendRequest)
    except msgspec.ValidationError as error:
        field, what = locate(error)
        raise _invalid(field, f"Invalid JSON payload received: {what}") from None
    _check_message(request.message)
    return request


def _check_message(message: Message) -> None:
    android = message.android or Android()
    _check_data("message.data", message.data)
    _check_data("message.android.data", android.data)
    if _size(message.data) + _size(android.data) > MAX_DATA:
        raise _invalid("message.data", "Android message is too big")
    if android.ttl is not None:
        _check_ttl(android.ttl)
    _check_recipient(message)


def _check_data(path: str, data: dict[str, Any]) -> None:
    for key, value in data.items():
        if not isinstance(value, str):
            raise _invalid(f"{path}[{key}]", "Invalid value: expected a string")
        if _RESERVED.fullmatch(key):
            raise _invalid(f"{path}[{key}]", "Invalid data payload key")


def _size(data: dict[str, str]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in data.items())


def _check_ttl(ttl: str) -> None:
    duration = _DURATION.fullmatch(ttl)
    if duration is None:
        raise _invalid("message.android.ttl", "Illegal duration format; duration must end with 's'")
    if float(ttl[:-1]) > MAX_TTL:
        raise _invalid("message.android.ttl", "Invalid ttl: must be between 0 and 4 weeks")


def _check_recipient(message: Message) -> None:
    """One of the two is given (`target` is a union field)."""
    if message.topic is None:
        _check_token(message.token)
    elif message.token is not None:
        raise _invalid("message", "Invalid JSON payload received: oneof field 'target' is already set.")
    elif not _TOPIC.fullmatch(message.topic):
        raise _invalid("message.topic", "Invalid topic name")


def _check_token(token: str | None) -> None:
    """No token at all is a fault of the request, a malformed one a fault of the token."""
    if token is None:
        raise _invalid("message", "Recipient of the message is not set.")
    if not _TOKEN.fullmatch(token):
        raise FcmRefused("INVALID_ARGUMENT", BAD_TOKEN)


def _invalid(field: str, what: str) -> FcmRefused:
    return FcmRefused("INVALID_ARGUMENT", (field, what))
