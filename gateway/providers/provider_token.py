"""Apple's provider token: one per (team, key), shared by every connection."""

import jwt
from aioapns.connection import AuthorizationHeaderProvider
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from gateway.model.clock import Clock

REFRESH_AFTER = 40 * 60.0
MIN_AGE = 20 * 60.0
"""Seconds. Apple refuses tokens older than an hour, and changes more often than every 20 minutes."""


class ProviderToken(AuthorizationHeaderProvider):
    """Signs a JWT (ES256, RFC 7519) for APNs and keeps it until it is 40 minutes old.

    Source: Apple, "Establishing a token-based connection to APNs".
    """

    def __init__(self, key: EllipticCurvePrivateKey, key_id: str, team_id: str, clock: Clock) -> None:
        self._key = key
        self._key_id = key_id
        self._team_id = team_id
        self._clock = clock
        self._issued_at = 0.0
        self._header = ""

    def __repr__(self) -> str:
        return f"ProviderToken(team_id={self._team_id!r}, key_id={self._key_id!r})"

    def get_header(self) -> str:
        """Return the value for the `authorization` header."""
        if not 0 <= self._age() < REFRESH_AFTER:
            self._sign()
        return self._header

    def expired(self, header: str) -> None:
        """Hear that Apple called `header` expired; make another unless that would be too soon for Apple."""
        if header == self._header and self._age() >= MIN_AGE:
            self._sign()

    def _age(self) -> float:
        return self._clock.now() - self._issued_at

    def _sign(self) -> None:
        self._issued_at = float(int(self._clock.now()))
        claims = {"iss": self._team_id, "iat": int(self._issued_at)}
        token = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._key_id})
        self._header = f"bearer {token}"
