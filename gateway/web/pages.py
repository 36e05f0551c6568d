"""The pages a person sees: one sentence at the public door, an overview at the operator's."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp_jinja2
import jinja2
import msgspec
from aiohttp import web

import gateway
from gateway.delivery.follower import Follower
from gateway.delivery.heartbeat import Pulse
from gateway.delivery.notices import Notices
from gateway.model.app import App
from gateway.model.clock import Clock
from gateway.model.heartbeat import Heartbeat
from gateway.model.notice import Notice
from gateway.model.notice_words import words_of
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
    held: bool
    is_broken: bool


class WorkspaceRow(msgspec.Struct, frozen=True):
    """What the overview shows of a workspace."""

    name: str
    apps: list[str]
    suspended: bool
    held: bool


class NoticeRow(msgspec.Struct, frozen=True):
    """What the overview tells of something that stands: what, since when, the provider's words, what to do and type."""

    what: str
    since: str
    words: str
    remedy: str
    command: str


class Overview(msgspec.Struct, frozen=True):
    """What the gateway knows, for a person to see; `keys` are its own encryption keys' fingerprints."""

    apps: list[AppRow] = []
    workspaces: list[WorkspaceRow] = []
    gateways: list[Heartbeat] = []
    keys: tuple[str, ...] = ()
    notices: list[NoticeRow] = []


def overview_of(follower: Follower, pulse: Pulse, notices: Notices) -> Overview:
    """Look at the snapshot of the moment, at who else runs on the store, and at what stands."""
    snapshot = follower.snapshot
    apps = [_row(app, app.name in follower.broken) for app in snapshot.apps.values()] if snapshot else []
    workspaces = msgspec.convert(snapshot.overview(), list[WorkspaceRow]) if snapshot else []
    alarms = sorted((one for one in notices.all() if one.kind.is_alarm), key=lambda one: one.at, reverse=True)
    return Overview(apps, workspaces, list(pulse.gateways), pulse.keys, [_told(notice) for notice in alarms])


def _told(notice: Notice) -> NoticeRow:
    what, remedy, command = words_of(notice)
    since = datetime.fromtimestamp(notice.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return NoticeRow(what, since, notice.words, remedy, command)


def _row(app: App, is_broken: bool) -> AppRow:
    apple = f"{', '.join(app.apns.topics)} ({app.apns.environment.value})" if app.apns else ""
    return AppRow(app.name, apple, app.fcm.project_id if app.fcm else "", app.held, is_broken)


class OperatorPage:
    """The overview: ready or not and why, what stands, the apps, the workspaces, the gateways on the same store."""

    def __init__(
        self,
        overview: Callable[[], Overview],
        readiness: Readiness,
        clock: Clock,
        workers: Callable[[], str] = lambda: "",
    ) -> None:
        """Begin; `workers` says how many are up, where there are several."""
        self._overview = overview
        self._readiness = readiness
        self._clock = clock
        self._workers = workers

    async def handle(self, request: web.Request) -> web.Response:
        """Render the overview from memory."""
        context = {
            **msgspec.structs.asdict(self._overview()),
            "lacks": self._readiness.lacks(),
            "troubles": self._readiness.troubles(),
            "workers": self._workers(),
            "now": self._clock.now(),
        }
        return _render(request, "operator.html", context)


def _render(request: web.Request, template: str, context: dict[str, object]) -> web.Response:
    response = aiohttp_jinja2.render_template(template, request, context)
    response.headers.update(SECURITY_HEADERS)
    return response
