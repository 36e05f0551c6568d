"""The official push gateway, which speaks to the official apps: it gets a server's own request once more."""

import socket
import ssl
from urllib.parse import urlsplit

import aiohttp

from gateway import __version__
from gateway.model.clock import Clock, time_limit
from gateway.model.notification import Platform
from gateway.model.reason import Reason
from gateway.model.secret import Secret
from gateway.model.verdict import Verdict, VerdictKind
from gateway.providers.egress import Egress
from gateway.providers.retry_after import parse_retry_after

CONNECTIONS = 100
"""The most at a time; who finds none free waits within its deadline."""
IDLE_SECONDS = 4.0
"""How long a connection is kept for the next push: less than the 5 s after which servers on Node.js close theirs."""
VIA = "push-gateway"
"""What we call ourselves in `Via` (RFC 9110 section 7.6.3), so that no request goes round in a circle."""

_VERDICTS = {
    401: (VerdictKind.CREDENTIALS_REFUSED, Reason.FORWARDED_UNAUTHORIZED),
    406: (VerdictKind.SUSPECT, Reason.FORWARDED_TOKEN_DEAD),
    422: (VerdictKind.REFUSED, Reason.FORWARDED_REJECTED),
}


class Upstream:
    """Sends requests on as they came, to one host.

    A bearer is in the request and nowhere else: no redirect is followed, nothing of an answer is kept, no error is
    passed on that could quote it.
    """

    def __init__(self, url: str, tls: ssl.SSLContext, egress: Egress, clock: Clock) -> None:
        """Open nothing yet.

        Args:
            url: where the official gateway is, with https.
            tls: a client context of our own.
            egress: knows the proxy on the way.
            clock: for deadlines.
        """
        tls.set_alpn_protocols(["http/1.1"])
        proxy = egress.proxy_to(urlsplit(url).hostname or "")
        self._url = url.rstrip("/")
        self._clock = clock
        self._proxy = f"http://{proxy.target}" if proxy else None
        self._proxy_headers = {"Proxy-Authorization": proxy.authorization.reveal()} if proxy else None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=CONNECTIONS, keepalive_timeout=IDLE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Content-Type": "application/json", "User-Agent": f"{VIA}/{__version__}", "Via": f"1.1 {VIA}"},
            skip_auto_headers=("Accept", "Accept-Encoding"),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
        )

    async def send(self, platform: Platform, body: bytes, bearer: Secret, timeout: float) -> Verdict:
        """Send a request as a Rocket.Chat server does, once, and return the verdict within `timeout` seconds."""
        try:
            async with time_limit(self._clock, timeout):
                return await self._post(f"{self._url}/push/{platform.value}/send", body, bearer)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return Verdict(VerdictKind.LATER, Reason.FORWARDING_FAILED, words=_words(error))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _post(self, url: str, body: bytes, bearer: Secret) -> Verdict:
        async with self._session.post(
            url,
            data=body,
            headers={"Authorization": f"Bearer {bearer.reveal()}"},
            allow_redirects=False,
            proxy=self._proxy,
            proxy_headers=self._proxy_headers,
        ) as response:
            wait = parse_retry_after(response.headers.get("Retry-After"), self._clock.now())
            return upstream_verdict(response.status, wait)


def upstream_verdict(status: int, retry_after: float | None) -> Verdict:
    """Read an answer of the official gateway; a redirect is none, for a bearer goes nowhere else.

    Args:
        status: the HTTP status.
        retry_after: seconds it asked for.
    """
    if 200 <= status < 300:
        return Verdict(VerdictKind.ACCEPTED, Reason.FORWARDED, status)
    if status < 400:
        return Verdict(VerdictKind.LATER, Reason.FORWARDING_FAILED, status, words="redirected")
    kind, reason = _VERDICTS.get(status, (VerdictKind.LATER, Reason.FORWARDED_LATER))
    return Verdict(kind, reason, status, retry_after=retry_after)


def _words(error: Exception) -> str:
    """Name what hindered a request, in the words of our HTTP/2 client."""
    match error:
        case TimeoutError():
            return "deadline"
        case aiohttp.ClientHttpProxyError():
            return "proxy_auth" if error.status == 407 else "proxy_refused"
        case aiohttp.ClientProxyConnectionError():
            return "proxy_failed"
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            return "dns_failed"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "tls_failed"
        case aiohttp.ClientConnectorError():
            return "connect_failed"
    return "connection_lost"
