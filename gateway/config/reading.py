"""Reading settings: one TOML file, environment variables on top, defaults below.

`PUSH_GATEWAY_<SECTION>__<KEY>` sets `key` in `[section]`; lists are separated by commas or white space. For secrets
`PUSH_GATEWAY_<SECTION>__<KEY>_FILE` names a file that holds the value. HTTPS_PROXY and NO_PROXY count as everywhere.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from gateway.config.settings import Settings
from gateway.model.address import HostPort, Network
from gateway.model.errors import SettingsError
from gateway.model.secret import Secret
from gateway.model.store_url import StoreUrl

_PREFIX = "PUSH_GATEWAY_"
_THIS_MACHINE = ("localhost", "127.0.0.0/8", "::1")
_FROM_TEXT: dict[type, Callable[[str], object]] = {
    Secret: Secret,
    StoreUrl: StoreUrl.parse,
    HostPort: HostPort.parse,
    Network: Network.parse,
}


def load_settings(file: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the settings file, if any, and put the environment on top.

    Raises:
        SettingsError: a file is missing, a key is unknown or a value of the wrong type; the message is one line that
            names the place and what was expected.
    """
    tree, text = _read_file(file)
    settings = _convert(tree, lambda path: f"{file}, line {_line_of(text, path)}: {path}")
    for variable, value in sorted(environ.items()):
        section, separator, key = variable.removeprefix(_PREFIX).lower().partition("__")
        if variable.startswith(_PREFIX) and separator:
            settings = _with_variable(settings, variable, section, key, value)
    return _with_usual_proxy(settings, environ)


def settings_to_json(settings: Settings) -> bytes:
    """Write settings for another process of this gateway; they hold every secret."""
    return msgspec.json.encode(
        settings, enc_hook=lambda value: value.reveal() if isinstance(value, Secret) else str(value)
    )


def settings_from_json(text: bytes) -> Settings:
    """Read what `settings_to_json` has written."""
    return msgspec.json.decode(text, type=Settings, dec_hook=_decode)


def _read_file(file: Path | None) -> tuple[dict[str, Any], str]:
    if file is None:
        return {}, ""
    try:
        text = file.read_text()
        return tomllib.loads(text), text
    except OSError as error:
        raise SettingsError(f"{file}: cannot read the settings file: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"{file}: not TOML: {error}") from None


def _convert(tree: dict[str, Any], place: Callable[[str], str]) -> Settings:
    try:
        return msgspec.convert(tree, Settings, dec_hook=_decode)
    except msgspec.ValidationError as error:
        message, path = _explain(str(error), _type_of)
        raise SettingsError(f"{place(path)}: {message}") from None


def _decode(kind: type, value: object) -> object:
    if isinstance(value, str):
        return _FROM_TEXT[kind](value)
    raise ValueError(f"Expected `str`, got `{type(value).__name__}`")


def _explain(message: str, type_of: Callable[[str], object]) -> tuple[str, str]:
    """Split msgspec's message into what was expected and the key it speaks of, whose type `type_of` tells."""
    what, _, where = message.partition(" - at `$")
    path = re.sub(r"\[.*?\]", "", where).strip("`.")
    if unknown := re.match(r"Object contains unknown field `(.*)`", what):
        return f"no such setting; there is {', '.join(_types_of(path))}", f"{path}.{unknown[1]}".strip(".")
    if other := re.match(r"Invalid enum value (.*)", what):
        return f"expected one of {', '.join(get_args(type_of(path)))}, got {other[1]}", path
    if " matching regex " in what:
        return f"expected {get_args(type_of(path))[1].description}", path
    return what[0].lower() + what[1:], path


def _types_of(section: str) -> dict[str, Any]:
    struct = type(getattr(Settings(), section)) if section else Settings
    return {field.name: field.type for field in msgspec.structs.fields(struct)}


def _type_of(path: str) -> object:
    section, _, key = path.rpartition(".")
    return _types_of(section)[key]


def _line_of(text: str, path: str) -> int:
    """Find the line of a dotted key, or of its table."""
    section = path.rpartition(".")[0]
    table, found = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+([^\[\]]+)\]", line):
            table = header[1].strip()
            found = number if table in (path, section) else found
        elif entry := re.match(r"\s*([\w.\"-]+)\s*=", line):
            key = f"{table}.{entry[1]}".strip(".")
            if key == path:
                return number
            found = number if key == section else found
    return found


def _with_variable(settings: Settings, variable: str, section: str, key: str, value: str) -> Settings:
    if section not in _types_of(""):
        raise SettingsError(f"{variable}: no such section; there is {', '.join(_types_of(''))}")
    part, types = getattr(settings, section), _types_of(section)
    if key.endswith("_file") and _is_secret(types.get(base := key[:-5])):
        key, value = base, _read_secret(variable, value)
    if key not in types:
        raise SettingsError(f"{variable}: no such setting; there is {', '.join(types)}")
    return msgspec.structs.replace(
        settings, **{section: msgspec.structs.replace(part, **{key: _from_text(variable, value, types[key])})}
    )


def _with_usual_proxy(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """Take the proxy that the machine's other programs take, unless ours is set; they never use it for themselves."""
    proxy = environ.get("https_proxy") or environ.get("HTTPS_PROXY")
    if settings.providers.proxy or not proxy:
        return settings
    direct = re.split(r"[,\s]+", environ.get("no_proxy") or environ.get("NO_PROXY") or "")
    no_proxy = (*settings.providers.no_proxy, *filter(None, direct), *_THIS_MACHINE)
    return msgspec.structs.replace(
        settings, providers=msgspec.structs.replace(settings.providers, proxy=Secret(proxy), no_proxy=no_proxy)
    )


def _from_text(variable: str, value: str, kind: object) -> object:
    """Read a variable's text as the setting's type."""
    raw = [item for item in re.split(r"[,\s]+", value) if item] if _is_list(kind) else value
    try:
        return msgspec.convert(raw, kind, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        message = _explain(str(error), lambda _: kind)[0]
        raise SettingsError(f"{variable}: {message}") from None


def _is_secret(kind: object) -> bool:
    return any(isinstance(one, type) and issubclass(one, Secret) for one in (kind, *get_args(kind)))


def _is_list(kind: object) -> bool:
    return getattr(kind, "__origin__", None) is tuple


def _read_secret(variable: str, file: str) -> str:
    try:
        return Path(file).read_text().strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{variable}: cannot read {file}: {error}") from None
