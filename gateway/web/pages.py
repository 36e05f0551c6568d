"""The pages a person sees: one sentence at the public door, an overview at the operator's."""

from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web

import gateway
from gateway.delivery.follower import Follower
from gateway.web.health import Readiness

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def load_templates() -> dict[str, str]:
    """Read all templates; off the event loop. In a checkout they lie beside the package, in a wheel inside it."""
    package = Path(gateway.__file__).parent
    folder = next(place for place in (package / "templates", package.parent / "templates") if place.is_dir())
    return {file.name: file.read_text() for file in sorted(folder.iterdir())}


def set_up_pages(app: web.Application, templates: dict[str, str]) -> None:
    """Let handlers of `app` render templates, and serve their style sheet."""
    environment = aiohttp_jinja2.setup(
        app, loader=jinja2.DictLoader(templates), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.globals.update(version=gateway.__version__, style_url="style.css")

    async def style(_request: web.Request) -> web.Response:
        return web.Response(text=templates["style.css"], content_type="text/css")

    app.router.add_get("/style.css", style)


async def public_page(request: web.Request) -> web.Response:
    """Tell a visitor what this address is for."""
    return _render(request, "public.html", {})


class OperatorPage:
    """The overview: ready or not and why, the apps, the workspaces."""

    def __init__(self, follower: Follower, readiness: Readiness) -> None:
        self._follower = follower
        self._readiness = readiness

    async def handle(self, request: web.Request) -> web.Response:
        """Render the overview from memory."""
        snapshot = self._follower.snapshot
        return _render(
            request,
            "operator.html",
            {
                "lacks": self._readiness.lacks(),
                "troubles": self._readiness.troubles(),
                "apps": list(snapshot.apps.values()) if snapshot else [],
                "broken": self._follower.broken,
                "workspaces": snapshot.overview() if snapshot else [],
            },
        )


def _render(request: web.Request, template: str, context: dict[str, object]) -> web.Response:
    response = aiohttp_jinja2.render_template(template, request, context)
    response.headers.update(SECURITY_HEADERS)
    return response
