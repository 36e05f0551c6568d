"""The two doors: what is served where."""

from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import hdrs, web

from gateway.model.clock import Clock
from gateway.rocketchat.endpoint import parse_path
from gateway.web.body import read_body
from gateway.web.health import Readiness, healthz, readyz
from gateway.web.notification_door import NotificationDoor
from gateway.web.openapi import openapi
from gateway.web.pages import OperatorPage, public_page, set_up_pages
from gateway.web.problem import refuse
from gateway.web.protocol import QuietProtocol
from gateway.web.push import PushDoor
from gateway.web.sender import sender_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def public_door(
    push: PushDoor, notifications: NotificationDoor, readiness: Readiness, templates: dict[str, str], clock: Clock
) -> web.Application:
    """Build the door for Rocket.Chat servers, and for those that ask about notifications."""
    description = openapi()

    async def describe(_request: web.Request) -> web.Response:
        return web.Response(body=description, content_type="application/json")

    app = _door(readiness, templates)
    app.router.add_get("/", public_page)
    app.router.add_get("/api/v1/openapi.json", describe)
    app.router.add_route("*", "/api/v1/notifications/explain", notifications.explain)
    app.router.add_route("*", "/{path:.*}", _push_or_refuse(push, clock))
    return app


def operator_door(
    page: OperatorPage, metrics: Callable[[], Awaitable[bytes]], readiness: Readiness, templates: dict[str, str]
) -> web.Application:
    """Build the door for the operator and for Prometheus; `metrics` writes them in its text format."""

    async def scrape(_request: web.Request) -> web.Response:
        return web.Response(body=await metrics(), headers={hdrs.CONTENT_TYPE: "text/plain; version=0.0.4"})

    app = _door(readiness, templates)
    app.router.add_get("/", page.handle)
    app.router.add_get("/metrics", scrape)
    app.router.add_route("*", "/{path:.*}", _not_found)
    return app


def _door(readiness: Readiness, templates: dict[str, str]) -> web.Application:
    app = web.Application(middlewares=(_head_is_complete,))
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz(readiness))
    set_up_pages(app, templates)

    async def finish(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers[hdrs.SERVER] = "push-gateway"
        if readiness.draining:
            response.force_close()
            response.headers[hdrs.CONNECTION] = "close"

    app.on_response_prepare.append(finish)
    return app


@web.middleware
async def _head_is_complete(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the connection go on: it has said what it wants."""
    if isinstance(request.protocol, QuietProtocol):
        request.protocol.head_is_complete()
    return await handler(request)


def _push_or_refuse(push: PushDoor, clock: Clock) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        endpoint = parse_path(request.path)
        if endpoint is None:
            return await _not_found(request)
        if request.method != hdrs.METH_POST:
            text = "A push is sent with POST; Push_gateway is set to this URL without /push/... at its end."
            return refuse(405, "method_not_allowed", text, {hdrs.ALLOW: hdrs.METH_POST})
        written = await push.handle(endpoint, sender_of(request), partial(read_body, request, clock))
        return web.Response(status=written.status, headers=written.headers, body=written.body)

    return handle


async def _not_found(_request: web.Request) -> web.Response:
    return refuse(404, "not_found", "Nothing is served here; pushes go to /w/<secret>/push/{apn,gcm}/send.")
