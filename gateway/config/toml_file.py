"""A TOML file that an operator wrote, and a mistake in it: told in one line, with the file, the line and the key."""

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Meta

from gateway.model.address import HostPort, Network
from gateway.model.errors import SettingsError
from gateway.model.secret import Secret
from gateway.model.store_url import StoreUrl

T = TypeVar("T")
_FROM_TEXT: dict[type, Callable[[str], object]] = {
    Secret: Secret,
    StoreUrl: StoreUrl.parse,
    HostPort: HostPort.parse,
    Network: Network.parse,
}
_HEADER = re.compile(r"\s*\[+(.+?)\]+\s*(?:#.*)?$")
_ENTRY = re.compile(r"\s*([^=#]+?)\s*=")


class TomlFile:
    """What a file holds, and where in it; without a file, nothing."""

    def __init__(self, path: Path | None, what: str) -> None:
        """Read it; `what` it is stands in the message.

        Raises:
            SettingsError: it cannot be read, or is not TOML.
        """
        self.path = path
        try:
            self._text = path.read_text() if path else ""
            self.tree: dict[str, Any] = tomllib.loads(self._text)
        except OSError as error:
            raise SettingsError(f"{path}: cannot read {what}: {error.strerror}") from None
        except ValueError as error:
            raise SettingsError(f"{path}: not TOML: {error}") from None

    def place(self, *keys: str) -> str:
        """Say where a key stands; where it is missing, the table it belongs into."""
        name = ".".join(key if key.isprintable() else repr(key) for key in keys)
        return f"{self.path}, line {_line_of(self._text, keys)}: {name}"

    def read(self, kind: type[T], *keys: str) -> T:
        """Return the value of a key, or the whole file, as this type.

        Raises:
            SettingsError: it, or something in it, is not.
        """
        value: object = self.tree
        for key in keys:
            value = value[key]  # type: ignore[index]  # the caller has seen these tables
        try:
            return msgspec.convert(value, kind, dec_hook=decode)
        except msgspec.ValidationError as error:
            message, inner = explain(str(error), kind)
            raise SettingsError(f"{self.place(*keys, *inner)}: {message}") from None


def decode(kind: type, value: object) -> object:
    """Read a value of our own types, for msgspec."""
    if isinstance(value, str):
        return _FROM_TEXT[kind](value)
    raise ValueError(f"Expected `str`, got `{type(value).__name__}`")


def explain(message: str, kind: object) -> tuple[str, tuple[str, ...]]:
    """Split msgspec's message about a value of this type into what was expected and the keys it speaks of."""
    what, _, where = message.partition(" - at `$")
    keys = tuple(filter(None, re.sub(r"\[.*?\]", "", where).strip("`").split(".")))
    if unknown := re.match(r"Object contains unknown field `(.*)`", what):
        return f"no such setting; there is {', '.join(types_in(type_at(kind, keys)))}", (*keys, unknown[1])
    if other := re.match(r"Invalid enum value (.*)", what):
        choices = type_at(kind, keys)
        return f"expected one of {', '.join(get_args(choices) or choices)}, got {other[1]}", keys  # type: ignore[arg-type]
    if " matching regex " in what:
        return f"expected {_description(type_at(kind, keys))}", keys
    return what[0].lower() + what[1:], keys


def type_at(kind: object, keys: Sequence[str]) -> object:
    """Return the type of what a table of this type has under the keys."""
    for key in keys:
        kind = types_in(kind)[key]
    return kind


def types_in(kind: object) -> dict[str, Any]:
    """Return the types of a table's keys."""
    struct = next(one for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, msgspec.Struct))
    return {field.name: field.type for field in msgspec.structs.fields(struct)}


def _description(kind: object) -> str:
    return next(part.description for part in _parts(kind) if isinstance(part, Meta) and part.description)


def _parts(kind: object) -> Iterator[object]:
    for part in get_args(kind):
        yield part
        yield from _parts(part)


def _line_of(text: str, keys: tuple[str, ...]) -> int:
    """Find the line of a key, or of as many of its tables as there are."""
    found, known = 1, 0
    for number, here in _keys_by_line(text):
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(here, keys, strict=False)))
        if common > known:
            found, known = number, common
    return found


def _keys_by_line(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _keys(header[1])
            yield number, table
        elif entry := _ENTRY.match(line):
            yield number, (*table, *_keys(entry[1]))


def _keys(text: str) -> tuple[str, ...]:
    """Read a dotted key, quotes and all; text that only looks like one has none."""
    try:
        tree: object = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    keys = []
    while isinstance(tree, dict):
        (key, tree), *_ = tree.items()
        keys.append(key)
    return tuple(keys)
