"""aioapns' request in, aioapns' result out, over our own HTTP/2 pool."""

import msgspec
from aioapns import NotificationRequest
from aioapns.common import NotificationResult
from aioapns.connection import AuthorizationHeaderProvider

from gateway.http2 import Headers, Pool, Request, Response
from gateway.model.clock import Clock
from gateway.providers.apns_payload import apns_body
from gateway.providers.provider_token import ProviderToken
from gateway.providers.retry_after import parse_retry_after

_TRY_AGAIN_AT_ONCE = {"ExpiredProviderToken", "IdleTimeout"}


class _ErrorBody(msgspec.Struct):
    reason: str = ""
    timestamp: int | None = None


class ApnsResult(NotificationResult):
    """aioapns' result, with the wait in seconds that Apple asked for, if any."""

    __slots__ = ("retry_after",)

    def __init__(self, response: Response, notification_id: str, now: float) -> None:
        error = _read_error(response.body)
        super().__init__(
            notification_id=response.headers.get("apns-id", notification_id),
            status=str(response.status),
            description=error.reason,
            timestamp=error.timestamp,
        )
        self.retry_after = parse_retry_after(response.headers.get("retry-after"), now)


def _read_error(body: bytes) -> _ErrorBody:
    try:
        return msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _ErrorBody()


class ApnsClient:
    """Stands where `aioapns.APNs` would: one credential, one host, one pool of connections."""

    def __init__(self, pool: Pool, authorization: AuthorizationHeaderProvider | None, clock: Clock) -> None:
        self.pool = pool
        self._authorization = authorization
        self._clock = clock

    async def send_notification(self, request: NotificationRequest, timeout: float = 10.0) -> ApnsResult:
        """Send one push and return Apple's answer, whatever it is.

        A provider token that Apple calls expired is replaced and the push sent again, once, with the same id.

        Args:
            request: the push; it must name its topic.
            timeout: seconds for everything.

        Raises:
            NotSent: Apple cannot have seen it.
            Unanswered: Apple may have seen it.
        """
        return await self.send(request, apns_body(request), timeout)

    async def send(self, request: NotificationRequest, body: bytes, timeout: float) -> ApnsResult:
        """Send one push whose payload is already written as `body`."""
        deadline = self._clock.monotonic() + timeout
        varying = self._varying(request)
        result = await self._attempt(request, varying, body, timeout)
        if result.description in _TRY_AGAIN_AT_ONCE:
            result = await self._attempt(request, varying, body, deadline - self._clock.monotonic())
        return result

    async def _attempt(self, request: NotificationRequest, varying: Headers, body: bytes, timeout: float) -> ApnsResult:
        bearer = self._authorization.get_header() if self._authorization else ""
        path = f"/3/device/{request.device_token}"
        wire = Request(path, _constant(request, bearer), varying, body)
        response = await self.pool.send(wire, timeout=timeout)
        result = ApnsResult(response, request.notification_id, self._clock.now())
        if result.description == "ExpiredProviderToken" and isinstance(self._authorization, ProviderToken):
            self._authorization.expired(bearer)
        return result

    def _varying(self, request: NotificationRequest) -> Headers:
        expiration = int(self._clock.now()) + (request.time_to_live or 0)
        headers = (("apns-id", request.notification_id), ("apns-expiration", str(expiration)))
        return (*headers, ("apns-collapse-id", request.collapse_key)) if request.collapse_key else headers


def _constant(request: NotificationRequest, bearer: str) -> Headers:
    headers = [("apns-topic", request.apns_topic or ""), ("apns-priority", str(request.priority))]
    if request.push_type is not None:
        headers.append(("apns-push-type", request.push_type.value))
    if bearer:
        headers.append(("authorization", bearer))
    return tuple(headers)
