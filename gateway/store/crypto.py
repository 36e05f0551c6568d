"""What lies in the store is unreadable without the keys, and can be found by a keyed hash.

The encryption keys may be rotated; the lookup key is made once and stays, or nothing could be found again.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from gateway.model.errors import StoreKeyError

_CHECK = b"push-gateway"
_FINGERPRINT_DIGITS = 8


MAKE_KEY = "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
"""The command that prints a new key."""


class _KeyRing:
    """Encryption keys in their order. It never changes, so that whoever uses one has a whole one."""

    def __init__(self, keys: Sequence[str], fingerprints: Sequence[str]) -> None:
        fernets = [Fernet(key) for key in keys]
        self.fernet = MultiFernet(fernets)
        self.fingerprints = tuple(fingerprints)
        self._named = tuple(zip(fingerprints, fernets, strict=True))

    def owner_of(self, content: bytes) -> str | None:
        return next((fingerprint for fingerprint, fernet in self._named if _opens(fernet, content)), None)


class Vault:
    """Encrypts with the first key, the primary, decrypts with any, and hashes with the lookup key."""

    def __init__(self, keys: Sequence[str], lookup_key: str) -> None:
        self._lookup_key = lookup_key.encode()
        self._ring = self._ring_of(keys)

    def __repr__(self) -> str:
        return "Vault(***)"

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """What the encryption keys are called where they can be seen, the primary first."""
        return self._ring.fingerprints

    def fingerprint(self, key: str) -> str:
        """Return eight digits by which an encryption key is told from others; without the lookup key they say nothing.

        Raises:
            ValueError: it is no key.
        """
        return self.lookup_hash("encryption key", base64.urlsafe_b64decode(key).hex())[:_FINGERPRINT_DIGITS]

    def adopt(self, keys: Sequence[str]) -> None:
        """Go by other encryption keys from now on, also where this vault is in use already.

        Raises:
            StoreKeyError: one is no key, or the present primary is not among them: what was written last could not be
                read. The keys stay as they were.
        """
        ring = self._ring_of(keys)
        if self.fingerprints[0] not in ring.fingerprints:
            raise StoreKeyError(f"the key {self.fingerprints[0]}, under which everything is written, is not among them")
        self._ring = ring

    def encrypt(self, content: bytes) -> bytes:
        """Encrypt and authenticate (Fernet: AES-128-CBC, HMAC-SHA256)."""
        return self._ring.fernet.encrypt(content)

    def decrypt(self, content: bytes) -> bytes:
        """Decrypt what `encrypt` made.

        Raises:
            StoreKeyError: it was made under another key.
        """
        try:
            return self._ring.fernet.decrypt(content)
        except InvalidToken:
            raise StoreKeyError(
                "the store was written under other encryption keys than these; "
                "give the right ones in [encryption], or put their files back"
            ) from None

    def owner_of(self, content: bytes) -> str | None:
        """Return the fingerprint of the key under which `encrypt` made this; None where it is none of these."""
        return self._ring.owner_of(content)

    def is_current(self, content: bytes) -> bool:
        """Tell whether `encrypt` made this under the primary."""
        return self.owner_of(content) == self.fingerprints[0]

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

    def _ring_of(self, keys: Sequence[str]) -> _KeyRing:
        try:
            return _KeyRing(keys, [self.fingerprint(key) for key in keys])
        except ValueError:
            raise StoreKeyError(f"an encryption key is not 32 bytes in base64; make one with `{MAKE_KEY}`") from None


def _opens(fernet: Fernet, content: bytes) -> bool:
    try:
        fernet.decrypt(content)
    except InvalidToken:
        return False
    return True
