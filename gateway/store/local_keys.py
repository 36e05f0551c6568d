"""The key files beside an embedded store: made with it, read again while it is in use, rotated by the command line."""

import fcntl
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from cryptography.fernet import Fernet

from gateway.model.errors import RotationError, StoreKeyError
from gateway.store.crypto import Vault

_KEYS = "encryption.keys"
_LOOKUP = "lookup.key"
_NEXT = "encryption.next"
"""Holds the fingerprint of the key that is rotated to, so that a rotation that was interrupted is gone on with."""


def local_vault(folder: Path, may_make: bool) -> Vault:
    """Open the key files beside an embedded store, made (mode 0600) with the store itself.

    Raises:
        StoreKeyError: a file is damaged, or missing and `may_make` is false.
    """
    made = {_KEYS: _new_key(), _LOOKUP: secrets.token_urlsafe(32)} if may_make else {}
    _vault_of(folder, made | _found(folder))  # nothing is made beside a file that is damaged
    for name, content in made.items():
        _write_once(folder / name, content)
    return _vault_of(folder, _found(folder))


def has_local_keys(folder: Path) -> bool:
    """Tell whether `local_vault` has made its files here."""
    return (folder / _LOOKUP).exists()


class KeyFiles:
    """The key files of a store in use, whose vault goes by them. Every method reads or writes files, and may block."""

    def __init__(self, folder: Path, vault: Vault) -> None:
        self._folder = folder
        self._vault = vault
        self.path = folder / _KEYS

    def refresh(self) -> bool:
        """Let the vault go by what the file says now; tell whether that is something else than before.

        Raises:
            StoreKeyError: the file is missing, damaged, or without the present primary; the vault stays as it was.
        """
        before, keys = self._vault.fingerprints, self._keys()
        try:
            self._vault.adopt(keys)
        except StoreKeyError as error:
            raise StoreKeyError(f"{self.path}: {error}; put it back from your backup") from None
        return self._vault.fingerprints != before

    def lock(self) -> TextIO:
        """Keep other rotations away until what is returned is closed. The lookup key's file stays, so it is the lock.

        Raises:
            RotationError: there is one.
        """
        file = (self._folder / _LOOKUP).open()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise RotationError(f"another command rotates the keys in {self._folder}; let it end") from None
        return file

    def underway(self) -> str | None:
        """Return the fingerprint of a key that was added by a rotation that has not been finished."""
        self.refresh()
        note = self._folder / _NEXT
        named = note.read_text().strip() if note.exists() else None
        return named if named in self._vault.fingerprints else None

    def add(self) -> str:
        """Write a new key behind the others; return its fingerprint."""
        key = _new_key()
        fingerprint = self._vault.fingerprint(key)
        _replace(self._folder / _NEXT, fingerprint, like=self.path)
        self._write([*self._keys(), key])
        return fingerprint

    def promote(self, fingerprint: str) -> None:
        """Move a key before the others."""
        keys = self._keys()
        self._write(sorted(keys, key=lambda key: self._vault.fingerprint(key) != fingerprint))

    def finish(self) -> None:
        """End the rotation: the next one will be to another key."""
        (self._folder / _NEXT).unlink()

    def _keys(self) -> list[str]:
        return _present(self._folder, _found(self._folder), _KEYS).split()

    def _write(self, keys: Sequence[str]) -> None:
        _replace(self.path, "\n".join(keys), like=self.path)
        self.refresh()


def _new_key() -> str:
    return Fernet.generate_key().decode()


def _found(folder: Path) -> dict[str, str]:
    return {name: _read(folder / name) for name in (_KEYS, _LOOKUP) if (folder / name).exists()}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError:
        raise _damaged(path, "it holds no text") from None


def _vault_of(folder: Path, texts: Mapping[str, str]) -> Vault:
    keys, lookup = _present(folder, texts, _KEYS).split(), _present(folder, texts, _LOOKUP).strip()
    if not lookup:
        raise _damaged(folder / _LOOKUP, "it is empty")
    try:
        return Vault(keys, lookup)
    except StoreKeyError:
        raise _damaged(folder / _KEYS, "a line in it is no key") from None


def _present(folder: Path, texts: Mapping[str, str], name: str) -> str:
    if name not in texts:
        raise StoreKeyError(
            f"{folder / name} is missing; the store cannot be read without it: put it back from your backup"
        )
    return texts[name]


def _damaged(path: Path, how: str) -> StoreKeyError:
    return StoreKeyError(f"{path} is damaged: {how}; put it back from your backup")


def _write_once(path: Path, content: str) -> None:
    """Write a whole file or none, and never over another process's."""
    draft = _draft(path, content)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    _sync(path.parent)


def _replace(path: Path, content: str, like: Path) -> None:
    """Write the whole file anew or leave it as it is; it gets the owner of `like`, for root may do this for others."""
    path, owner = path.resolve(), like.stat()
    draft = _draft(path, content)
    try:
        os.chown(draft, owner.st_uid, owner.st_gid)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync(path.parent)


def _draft(path: Path, content: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{content}\n")
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync(folder: Path) -> None:
    """Bring a new name to the disk as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
