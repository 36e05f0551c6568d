"""Reading JSON that somebody else wrote."""

import re

import msgspec

_AT = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_UNKNOWN = re.compile(r"unknown field `(?P<name>.*)`$")


def decode_json(body: bytes) -> object:
    """Decode any JSON value.

    Raises:
        ValueError: it is not JSON (or nested past all reason); the message quotes nothing of it.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("not JSON") from None


def read_object(body: bytes) -> dict[str, object] | None:
    """Decode a JSON object; None when it is anything else."""
    try:
        value = decode_json(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def locate(error: msgspec.ValidationError) -> tuple[str, str]:
    """Tell which field a validation error is about ("message.android.ttl", "" for the whole), and what is wrong."""
    text = str(error)
    at = _AT.search(text)
    path, what = (at["path"], text[: at.start()]) if at else ("", text)
    unknown = _UNKNOWN.search(what)
    if unknown:
        path = f"{path}.{unknown['name']}" if path else unknown["name"]
    return path, what
