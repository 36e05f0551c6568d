"""Secrets that a declaration names: `<what>_file`, a file, or `<what>_env`, an environment variable."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Never

import msgspec

from gateway.cli.apps import content_of
from gateway.config import Declaration
from gateway.model.errors import CredentialsError, SettingsError
from gateway.providers.key_files import KeyFile


class References:
    """Follows them, and tells of whatever is wrong by its place in the declaration."""

    def __init__(self, declaration: Declaration, environ: Mapping[str, str]) -> None:
        self._declaration = declaration
        self._environ = environ

    def place(self, *keys: str) -> str:
        """Say where a key stands in the declaration."""
        return self._declaration.file.place(*keys)

    def refuse(self, message: str, *keys: str) -> Never:
        """Raise SettingsError about a key."""
        raise SettingsError(f"{self.place(*keys)}: {message}")

    @contextmanager
    def told_at(self, *keys: str) -> Iterator[None]:
        """Let what is wrong be told with the place of a key."""
        try:
            yield
        except (SettingsError, CredentialsError) as error:
            self.refuse(str(error), *keys)

    def follow(self, entry: msgspec.Struct, what: str, *keys: str) -> KeyFile | None:
        """Read what the entry under these keys names; None where it names nothing.

        Raises:
            SettingsError: it names a file and a variable, or one that is not there.
        """
        file, variable = getattr(entry, f"{what}_file"), getattr(entry, f"{what}_env")
        if file is not None and variable is not None:
            self.refuse(f"expected {what}_file or {what}_env, got both", *keys)
        if file is not None:
            return self._read_file(file, *keys, f"{what}_file")
        return None if variable is None else self._read_variable(variable, *keys, f"{what}_env")

    def _read_file(self, file: str, *keys: str) -> KeyFile:
        path = self._declaration.folder / file
        try:
            return KeyFile(str(path), content_of(path))
        except OSError as error:
            self.refuse(f"cannot read {path}: {error.strerror}", *keys)

    def _read_variable(self, variable: str, *keys: str) -> KeyFile:
        if variable not in self._environ:
            self.refuse(f"the environment has no variable {variable}", *keys)
        return KeyFile(f"the variable {variable}", self._environ[variable].encode())
