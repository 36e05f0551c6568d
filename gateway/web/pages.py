"""The pages a person sees: one sentence at the public door, an overview at the operator's."""

from collections.abc import Callable
from pathlib import Path

import aiohttp_jinja2
import jinja2
import msgspec
from aiohttp import web

import gateway
from gateway.delivery.follower import Follower
from gateway.model.app import App
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


class AppRow(msgspec.Struct, frozen=True):
    """What the overview shows of an app; empty where it has no credentials of that kind."""

    name: str
    apple: str
    google: str
    is_broken: bool


class WorkspaceRow(msgspec.Struct, frozen=True):
    """What the overview shows of a workspace."""

    name: str
    apps: list[str]
    suspended: bool


class Overview(msgspec.Struct, frozen=True):
    """What the gateway knows, for a person to see."""

    apps: list[AppRow] = []
    workspaces: list[WorkspaceRow] = []


def overview_of(follower: Follower) -> Overview:
    """Look at the snapshot of the moment."""
    if (snapshot := follower.snapshot) is None:
        return Overview()
    apps = [_row(app, app.name in follower.broken) for app in snapshot.apps.values()]
    return Overview(apps, msgspec.convert(snapshot.overview(), list[WorkspaceRow]))


def _row(app: App, is_broken: bool) -> AppRow:
    apple = f"{', '.join(app.apns.topics)} ({app.apns.environment.value})" if app.apns else ""
    return AppRow(app.name, apple, app.fcm.project_id if app.fcm else "", is_broken)


class OperatorPage:
    """The overview: ready or not and why, the apps, the workspaces."""

    def __init__(
        self, overview: Callable[[], Overview], readiness: Readiness, workers: Callable[[], str] = lambda: ""
    ) -> None:
        """Begin; `workers` says how many are up, where there are several."""
        self._overview = overview
        self._readiness = readiness
        self._workers = workers

    async def handle(self, request: web.Request) -> web.Response:
        """Render the overview from memory."""
        overview = self._overview()
        return _render(
            request,
            "operator.html",
            {
                "lacks": self._readiness.lacks(),
                "workers": self._workers(),
                "apps": overview.apps,
                "workspaces": overview.workspaces,
            },
        )


def _render(request: web.Request, template: str, context: dict[str, object]) -> web.Response:
    response = aiohttp_jinja2.render_template(template, request, context)
    response.headers.update(SECURITY_HEADERS)
    return response
