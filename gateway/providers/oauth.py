"""Google's access tokens: a service account's signed grant for a bearer that lasts an hour.

Source: Google, "Using OAuth 2.0 for Server to Server Applications"; RFC 7523 section 2.1.
"""

import asyncio
from urllib.parse import urlencode, urlsplit

import msgspec
from google.auth import jwt
from google.oauth2.service_account import Credentials as ServiceAccount

from gateway.http2 import Http2Error, Pool, Request, Response
from gateway.model.clock import Clock
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.providers.retry_after import parse_retry_after

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANT_SECONDS = 3600
REFRESH_AHEAD = 600.0
"""Seconds before its end at which a token is replaced, while the old one still serves."""
UNUSABLE = 30.0
"""Seconds before its end from which a token is not sent any more: it might expire on the way."""
FAILURE_PAUSE = 10.0
"""Seconds for which a failure is believed, so that a thousand pushes ask Google once."""
RENEWAL_PAUSE = 60.0
"""Seconds between two renewals because FCM refused a bearer."""


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: float

    def __repr__(self) -> str:
        return f"_Grant(expires_in={self.expires_in})"


class _Refusal(msgspec.Struct):
    error: str = ""


class AccessToken:
    """The bearer of one service account: fetched once for all who wait, ahead of its end, off the event loop."""

    def __init__(self, account: ServiceAccount, audience: str, pool: Pool, path: str, clock: Clock) -> None:
        self._account = account
        self._audience = audience
        self.pool = pool
        self._path = path
        self._clock = clock
        self._bearer = ""
        self._expires_at = 0.0
        self._renewed_at = float("-inf")
        self._failure: tuple[Verdict, float] | None = None
        self._fetching: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"AccessToken(audience={self._audience!r})"

    async def get(self, timeout: float) -> str | Verdict:
        """Return the bearer, or the verdict for pushes that cannot go without; waits at most `timeout` seconds."""
        left = self._expires_at - self._clock.now()
        if left > UNUSABLE:
            if left < REFRESH_AHEAD:
                self._fetch_unless_failed(timeout)
            return self._bearer
        fetching = self._fetch_unless_failed(timeout)
        if fetching is not None:
            await asyncio.wait((fetching,))
        return self._bearer if self._expires_at > self._clock.now() else self._last_failure()

    def refused(self, bearer: str) -> None:
        """Hear that FCM refused `bearer`; the next `get` fetches another, at most one a minute."""
        now = self._clock.now()
        if bearer == self._bearer and now - self._renewed_at >= RENEWAL_PAUSE:
            self._renewed_at = now
            self._expires_at = 0.0

    async def aclose(self, grace: float) -> None:
        """Stop fetching and close the way to the token endpoint."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)
        await self.pool.aclose(grace)

    def _fetch_unless_failed(self, timeout: float) -> asyncio.Task[None] | None:
        """Join the fetch under way, or start one; None while the last failure is fresh."""
        if self._failure is not None and self._clock.now() < self._failure[1]:
            return None
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch(timeout), name="fcm-access-token")
        return self._fetching

    def _last_failure(self) -> Verdict:
        unavailable = Verdict(VerdictKind.LATER, Reason.FCM_OAUTH_UNAVAILABLE)
        return self._failure[0] if self._failure is not None else unavailable

    async def _fetch(self, timeout: float) -> None:
        request = Request(self._path, _FORM, (), await asyncio.to_thread(self._sign_grant, self._clock.now()))
        try:
            response = await self.pool.send(request, timeout=timeout)
        except Http2Error as error:
            self._fail(Verdict(VerdictKind.LATER, Reason.FCM_OAUTH_UNAVAILABLE, words=error.reason))
        else:
            self._take(response)

    def _sign_grant(self, now: float) -> bytes:
        claims = {
            "iss": self._account.service_account_email,
            "scope": SCOPE,
            "aud": self._audience,
            "iat": int(now),
            "exp": int(now) + GRANT_SECONDS,
        }
        assertion: bytes = jwt.encode(self._account.signer, claims)
        return urlencode({"grant_type": GRANT_TYPE, "assertion": assertion.decode()}).encode()

    def _take(self, response: Response) -> None:
        try:
            grant = msgspec.json.decode(response.body, type=_Grant)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._fail(self._refusal(response))
        else:
            self._bearer, self._failure = grant.access_token, None
            self._expires_at = self._clock.now() + grant.expires_in

    def _refusal(self, response: Response) -> Verdict:
        """4xx speaks of the account or of our clock; all else of the endpoint's health."""
        words = _error_word(response.body)
        if 400 <= response.status < 500 and response.status != 429:
            return Verdict(VerdictKind.CREDENTIALS_REFUSED, Reason.FCM_OAUTH_REFUSED, response.status, words)
        wait = parse_retry_after(response.headers.get("retry-after"), self._clock.now())
        return Verdict(VerdictKind.LATER, Reason.FCM_OAUTH_UNAVAILABLE, response.status, words, retry_after=wait)

    def _fail(self, verdict: Verdict) -> None:
        self._failure = (verdict, self._clock.now() + (verdict.retry_after or FAILURE_PAUSE))


_FORM = (("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json"))


def _error_word(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Refusal).error[:64]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def endpoint_path(url: str) -> str:
    """Return the path and query of a token endpoint's URL."""
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
