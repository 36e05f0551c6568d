"""Apple's provider tokens: who signed them, when, and how often they change.

Source: Apple, "Establishing a token-based connection to APNs".
"""

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.model.clock import Clock
from gateway.providers.simulator.apns_reasons import Refused
from gateway.providers.simulator.signed_claims import read_claims

MAX_AGE = 3600.0
MAX_AHEAD = 300.0
UPDATE_WINDOW = 1200.0
UPDATES_ALLOWED = 100
"""New tokens Apple's double takes within 20 minutes. Apple asks for one; each gateway that starts makes one, and a
test run starts many, so this tells only the gateway that makes one for each push."""


class _Claims(msgspec.Struct):
    iss: str
    iat: int | float


class _Seen(msgspec.Struct):
    issued_at: float
    first_seen: float


class ProviderTokens:
    """Judges provider tokens of one team and key; shared by all connections to both of Apple's hosts."""

    def __init__(self, public_key: ec.EllipticCurvePublicKey, key_id: str, team_id: str, clock: Clock) -> None:
        self._public_key = public_key
        self._key_id = key_id
        self._team_id = team_id
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def check(self, authorization: str | None) -> None:
        """Take an `authorization` header.

        Raises:
            Refused: MissingProviderToken, InvalidProviderToken, ExpiredProviderToken or TooManyProviderTokenUpdates.
        """
        if not authorization:
            raise Refused("MissingProviderToken")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Refused("InvalidProviderToken")
        seen = self._seen.get(token)
        self._check_age(seen.issued_at if seen else self._verify(token))

    def _check_age(self, issued_at: float) -> None:
        age = self._clock.now() - issued_at
        if age > MAX_AGE:
            raise Refused("ExpiredProviderToken")
        if age < -MAX_AHEAD:
            raise Refused("InvalidProviderToken")

    def _verify(self, token: str) -> float:
        claims = self._read(token)
        self._count(token, claims.iat)
        return claims.iat

    def _read(self, token: str) -> _Claims:
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            claims = read_claims(token, self._public_key, "ES256", _Claims)
        except jwt.InvalidTokenError:
            raise Refused("InvalidProviderToken") from None
        if key_id != self._key_id or claims.iss != self._team_id:
            raise Refused("InvalidProviderToken")
        return claims

    def _count(self, token: str, issued_at: float) -> None:
        now = self._clock.now()
        self._seen = {key: seen for key, seen in self._seen.items() if now - seen.issued_at <= MAX_AGE}
        recent = sum(now - seen.first_seen < UPDATE_WINDOW for seen in self._seen.values())
        if recent >= UPDATES_ALLOWED:
            raise Refused("TooManyProviderTokenUpdates")
        self._seen[token] = _Seen(issued_at, now)
