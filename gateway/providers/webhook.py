"""Where alarms are posted: one URL of the operator's."""

import hashlib
import hmac
import ssl
from urllib.parse import urlsplit

import aiohttp

from gateway import __version__
from gateway.model.clock import Clock, time_limit
from gateway.model.errors import AlarmNotTaken
from gateway.model.secret import Secret
from gateway.providers.egress import Egress

SECONDS = 10.0
"""How long one post may take."""
SIGNATURE = "Push-Gateway-Signature"


class HttpWebhook:
    """Posts JSON to a URL, signed; nothing of the URL or the secret is in an error."""

    def __init__(self, url: str, secret: Secret, tls: ssl.SSLContext, egress: Egress, clock: Clock) -> None:
        """Open nothing yet.

        Args:
            url: where to.
            secret: the key of the signature; empty for none.
            tls: a client context of our own.
            egress: knows the proxy on the way.
            clock: for the deadline.
        """
        tls.set_alpn_protocols(["http/1.1"])
        proxy = egress.proxy_to(urlsplit(url).hostname or "")
        self._url = url
        self._secret = secret
        self._clock = clock
        self._proxy = f"http://{proxy.target}" if proxy else None
        self._proxy_headers = {"Proxy-Authorization": proxy.authorization.reveal()} if proxy else None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Content-Type": "application/json", "User-Agent": f"push-gateway/{__version__}"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        )

    async def post(self, body: bytes) -> None:
        """Post a body, once; a redirect is not followed.

        Raises:
            AlarmNotTaken: the answer is not a 2xx, or there is none in time.
        """
        try:
            async with time_limit(self._clock, SECONDS):
                status = await self._status(body)
        except TimeoutError:
            raise AlarmNotTaken(f"alarms.webhook_url has not answered in {SECONDS:.0f} seconds") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AlarmNotTaken(f"alarms.webhook_url cannot be reached: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise AlarmNotTaken(f"alarms.webhook_url answered {status}")

    async def aclose(self) -> None:
        """Close the connection."""
        await self._session.close()

    async def _status(self, body: bytes) -> int:
        posted = self._session.post(
            self._url,
            data=body,
            headers={SIGNATURE: signature(body, self._secret)} if self._secret else None,
            allow_redirects=False,
            proxy=self._proxy,
            proxy_headers=self._proxy_headers,
        )
        async with posted as answer:
            return answer.status


def signature(body: bytes, secret: Secret) -> str:
    """Return what the receiver checks: HMAC-SHA256 (RFC 2104) of the body, in hexadecimal, behind `sha256=`."""
    return f"sha256={hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()}"
