"""Reading settings: one TOML file, environment variables on top, defaults below.

`PUSH_GATEWAY_<SECTION>__<KEY>` sets `key` in `[section]`; lists are separated by commas or white space. For secrets
`PUSH_GATEWAY_<SECTION>__<KEY>_FILE` names a file that holds the value. HTTPS_PROXY and NO_PROXY count as everywhere.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import msgspec

from gateway.config.settings import Settings
from gateway.config.toml_file import TomlFile, decode, explain, types_in
from gateway.model.errors import SettingsError
from gateway.model.secret import Secret

_PREFIX = "PUSH_GATEWAY_"
_THIS_MACHINE = ("localhost", "127.0.0.0/8", "::1")


def load_settings(file: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the settings file, if any, and put the environment on top.

    Raises:
        SettingsError: a file is missing, a key is unknown or a value of the wrong type; the message is one line that
            names the place and what was expected.
    """
    settings = TomlFile(file, "the settings file").read(Settings)
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
    return msgspec.json.decode(text, type=Settings, dec_hook=decode)


def _with_variable(settings: Settings, variable: str, section: str, key: str, value: str) -> Settings:
    sections = types_in(Settings)
    if section not in sections:
        raise SettingsError(f"{variable}: no such section; there is {', '.join(sections)}")
    part, types = getattr(settings, section), types_in(sections[section])
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
        return msgspec.convert(raw, kind, strict=False, dec_hook=decode)
    except msgspec.ValidationError as error:
        message = explain(str(error), kind)[0]
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
