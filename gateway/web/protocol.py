"""aiohttp's server protocol, kept from quoting what it could not read.

Its own error page repeats the request line, which holds a workspace's secret.
"""

import structlog
from aiohttp import web

from gateway.web.problem import refuse

log = structlog.stdlib.get_logger("gateway.web")

_TEXTS = {
    400: "This is not HTTP that the gateway can read.",
    500: "The gateway failed on this request; its log says where.",
}


class QuietProtocol(web.RequestHandler):
    """Answers broken HTTP and failing handlers in the gateway's own form."""

    __slots__ = ()

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
        response.force_close()
        return response
