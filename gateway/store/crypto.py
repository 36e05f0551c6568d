"""What lies in the store is unreadable without the keys, and can be found by a keyed hash.

The encryption keys may be rotated; the lookup key is made once and stays, or nothing could be found again.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from gateway.model.errors import StoreKeyError

_CHECK = b"push-gateway"


MAKE_KEY = "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
"""The command that prints a new key."""


class Vault:
    """Encrypts with the first key, decrypts with any, and hashes with the lookup key."""

    def __init__(self, keys: list[str], lookup_key: str) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise StoreKeyError(f"an encryption key is not 32 bytes in base64; make one with `{MAKE_KEY}`") from None
        self._lookup_key = lookup_key.encode()

    def __repr__(self) -> str:
        return "Vault(***)"

    def encrypt(self, content: bytes) -> bytes:
        """Encrypt and authenticate (Fernet: AES-128-CBC, HMAC-SHA256)."""
        return self._fernet.encrypt(content)

    def decrypt(self, content: bytes) -> bytes:
        """Decrypt what `encrypt` made.

        Raises:
            StoreKeyError: it was made under another key.
        """
        try:
            return self._fernet.decrypt(content)
        except InvalidToken:
            raise StoreKeyError(
                "the store was written under other encryption keys than these; "
                "give the right ones in [encryption], or put their files back"
            ) from None

    def lookup_hash(self, purpose: str, value: str) -> str:
        """Return the keyed hash (HMAC-SHA256) by which `value` is found again, different for every purpose."""
        return hmac.new(
            self._lookup_key, f"{purpose}\0{value}".encode("utf-8", "surrogateescape"), hashlib.sha256
        ).hexdigest()

    def seal(self) -> bytes:
        """Return a proof of these keys, to be kept beside the data."""
        return self.encrypt(_CHECK + self.lookup_hash("check", "").encode())

    def verify(self, seal: bytes) -> None:
        """Check that these are the keys that made `seal`.

        Raises:
            StoreKeyError: they are not.
        """
        if not hmac.compare_digest(self.decrypt(seal), _CHECK + self.lookup_hash("check", "").encode()):
            raise StoreKeyError("the store was written under another lookup key; give the right one in [encryption]")


def local_vault(folder: Path, may_make: bool) -> Vault:
    """Open the key files beside an embedded store, made (mode 0600) with the store itself.

    Raises:
        StoreKeyError: a file is damaged, or missing and `may_make` is false.
    """
    keys = _key_file(folder / "encryption.keys", may_make, lambda: Fernet.generate_key().decode())
    lookup = _key_file(folder / "lookup.key", may_make, lambda: secrets.token_urlsafe(32))
    return Vault(keys.split(), lookup.strip())


def has_local_keys(folder: Path) -> bool:
    """Tell whether `local_vault` has made its files here."""
    return (folder / "lookup.key").exists()


def _key_file(path: Path, may_make: bool, make: Callable[[], str]) -> str:
    if not path.exists():
        if not may_make:
            raise StoreKeyError(f"{path} is missing; the store cannot be read without it: put it back from your backup")
        _write_once(path, make())
    try:
        return path.read_text()
    except UnicodeDecodeError:
        raise StoreKeyError(f"{path} is damaged: it holds no text; put it back from your backup") from None


def _write_once(path: Path, content: str) -> None:
    """Write a whole file or none, and never over another process's."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{content}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
