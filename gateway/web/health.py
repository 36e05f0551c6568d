"""Alive and ready, for load balancers, orchestrators and administrators."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from gateway.delivery.follower import Follower


class Readiness:
    """Knows what the gateway still needs before pushes should come here."""

    def __init__(self, needs: Callable[[], dict[str, str]]) -> None:
        """Begin; `needs` names what is not as it should be, but for a shutdown, which is told here."""
        self._needs = needs
        self.draining = False

    def lacks(self) -> dict[str, str]:
        """Name what is not as it should be, each with a sentence; empty when ready."""
        draining = {"draining": "the gateway is shutting down"} if self.draining else {}
        return {**draining, **self._needs()}


def needs_of(follower: Follower) -> dict[str, str]:
    """Name what a gateway that follows the store still needs, each with a sentence."""
    checks: tuple[tuple[str, bool, str], ...] = (
        ("snapshot", follower.snapshot is None, "workspaces and apps are not loaded yet"),
        ("store", not follower.store_answers, "the store does not answer"),
        ("credentials", follower.all_broken, "no app's keys can be used; the log says why"),
    )
    return {name: sentence for name, is_so, sentence in checks if is_so}


async def healthz(_request: web.Request) -> web.Response:
    """Say that the process is alive and its event loop turns."""
    return _json(200, {"status": "ok"})


def readyz(readiness: Readiness) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Make the handler that says whether pushes should come here."""

    async def handle(_request: web.Request) -> web.StreamResponse:
        lacking = readiness.lacks()
        return _json(503, {"status": "not ready", "lacks": lacking}) if lacking else _json(200, {"status": "ok"})

    return handle


def _json(status: int, document: dict[str, object]) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(document), content_type="application/json")
