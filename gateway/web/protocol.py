"""aiohttp's server protocol, kept from quoting what it could not read.

Its own error page repeats the request line, which holds a workspace's secret.
"""

import asyncio
from typing import Any

import structlog
from aiohttp import hdrs, web

from gateway.model.clock import Clock, Timer
from gateway.web.problem import refuse

log = structlog.stdlib.get_logger("gateway.web")

HEAD_SECONDS = 10.0
"""How long a new connection may take to send its first request's headers."""
IDLE_SECONDS = 3600.0
"""How long a quiet client may keep its connection; clients give up much sooner, so that we never close first."""
_TEXTS = {
    400: "This is not HTTP that the gateway can read.",
    500: "The gateway failed on this request; its log says where.",
}


class QuietProtocol(web.RequestHandler):
    """Answers broken HTTP and failing handlers in the gateway's own form."""

    __slots__ = ("_clock", "_head_timer")

    def __init__(self, manager: web.Server, *, clock: Clock, **options: Any) -> None:
        super().__init__(manager, **options)
        self._clock = clock
        self._head_timer: Timer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the client some seconds to say what it wants: aiohttp would wait for ever."""
        super().connection_made(transport)
        self._head_timer = self._clock.call_later(HEAD_SECONDS, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the timer."""
        self.head_is_complete()
        super().connection_lost(exc)

    def head_is_complete(self) -> None:
        """Hear that the first request's headers are all there."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer and close; `message` quotes the request and is dropped.

        Raises:
            ConnectionError: an answer is on its way already.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is on its way already")
        log.warning("request_failed", status=status, exc_info=exc)
        response = refuse(status, f"http_{status}", _TEXTS.get(status, "The request failed."))
        response.headers[hdrs.SERVER] = "push-gateway"
        response.force_close()
        return response
