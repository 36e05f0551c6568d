"""Google's OAuth endpoint: a signed claim of a service account in, an access token out.

Source: Google, "Using OAuth 2.0 for server to server applications", and RFC 7523.
"""

import secrets
from urllib.parse import parse_qs

import jwt
import msgspec

from gateway.model.clock import Clock
from gateway.providers.simulator.exchange import Answer, Request
from gateway.providers.simulator.identity import ServiceAccount
from gateway.providers.simulator.signed_claims import read_claims

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GOOGLE_AUDIENCE = "https://oauth2.googleapis.com/token"
"""What google-auth writes as `aud` whatever the account's `token_uri` says."""
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
LIFETIME = 3599
MAX_AHEAD = 300.0

_FORM = "application/x-www-form-urlencoded"
_JSON = (("content-type", "application/json; charset=UTF-8"),)
_BAD_TIMES = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)


class _Claims(msgspec.Struct):
    iss: str
    aud: str
    iat: int | float
    exp: int | float
    scope: str = ""


class _Refused(Exception):
    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.body = msgspec.json.encode({"error": error, "error_description": description})


class OAuth:
    """Gives out access tokens and knows them again."""

    def __init__(self, account: ServiceAccount, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._expiry: dict[str, float] = {}

    def answer(self, request: Request) -> Answer:
        """Answer `POST /token`; errors are 400 with `error` and `error_description`, 405 for another method."""
        try:
            if request.method != "POST":
                return Answer(405, _JSON, _Refused("invalid_request", "Use POST.").body)
            self._check(_assertion(request))
        except _Refused as refused:
            return Answer(400, _JSON, refused.body)
        granted = {"access_token": self._issue(), "expires_in": LIFETIME, "token_type": "Bearer"}
        return Answer(200, _JSON, msgspec.json.encode(granted))

    def accepts(self, authorization: str | None) -> bool:
        """Whether an `authorization` header bears a token given out here that has not expired."""
        scheme, _, token = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and self._expiry.get(token, 0.0) > self._clock.now()

    def _issue(self) -> str:
        now = self._clock.now()
        self._expiry = {token: expiry for token, expiry in self._expiry.items() if expiry > now}
        token = f"ya29.{secrets.token_urlsafe(32)}"
        self._expiry[token] = now + LIFETIME
        return token

    def _check(self, assertion: str) -> None:
        claims = self._read(assertion)
        now = self._clock.now()
        if claims.iss != self._account.client_email:
            raise _Refused("invalid_grant", "Invalid grant: account not found")
        if claims.aud not in (self._account.token_uri, GOOGLE_AUDIENCE):
            raise _Refused("invalid_grant", "Invalid JWT: Failed audience check.")
        if not now < claims.exp <= claims.iat + 3600 or claims.iat > now + MAX_AHEAD:
            raise _Refused("invalid_grant", _BAD_TIMES)
        if SCOPE not in claims.scope.split():
            raise _Refused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")

    def _read(self, assertion: str) -> _Claims:
        try:
            return read_claims(assertion, self._account.public_key, "RS256", _Claims)
        except jwt.InvalidSignatureError:
            raise _Refused("invalid_grant", "Invalid JWT Signature.") from None
        except jwt.InvalidTokenError:
            raise _Refused("invalid_grant", "Invalid JWT.") from None


def _assertion(request: Request) -> str:
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    form = parse_qs(request.body.decode("ascii", "replace")) if media_type == _FORM else {}
    grant_type, assertion = form.get("grant_type"), form.get("assertion")
    if grant_type is None:
        raise _Refused("invalid_request", "Required parameter is missing: grant_type")
    if grant_type != [GRANT_TYPE]:
        raise _Refused("unsupported_grant_type", "Invalid grant_type")
    if assertion is None or len(assertion) != 1:
        raise _Refused("invalid_request", "Required parameter is missing: assertion")
    return assertion[0]
