"""Alive and ready, for load balancers, orchestrators and administrators."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from gateway.delivery.follower import Follower


class Readiness:
    """Knows what the gateway still needs before pushes should come here."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self.draining = False

    def lacks(self) -> dict[str, str]:
        """Name what is not as it should be, each with a sentence; empty when ready."""
        follower = self._follower
        checks: tuple[tuple[str, Callable[[], bool], str], ...] = (
            ("draining", lambda: self.draining, "the gateway is shutting down"),
            ("snapshot", lambda: follower.snapshot is None, "workspaces and apps are not loaded yet"),
            ("credentials", lambda: follower.all_broken, "no app's keys can be used; the log says why"),
        )
        return {name: sentence for name, is_so, sentence in checks if is_so()}

    def troubles(self) -> dict[str, str]:
        """Name what is wrong though pushes should come here: elsewhere they would fare no better, or be refused."""
        follower = self._follower
        if follower.snapshot is None or follower.store_answers:
            return {}
        return {"store": "the store does not answer: pushes go out, but none can be kept for later"}


async def healthz(_request: web.Request) -> web.Response:
    """Say that the process is alive and its event loop turns."""
    return _json(200, {"status": "ok"})


def readyz(readiness: Readiness) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Make the handler that says whether pushes should come here."""

    async def handle(_request: web.Request) -> web.StreamResponse:
        lacking, troubles = readiness.lacks(), readiness.troubles()
        if lacking:
            return _json(503, {"status": "not ready", "lacks": lacking})
        return _json(200, {"status": "ok", "troubles": troubles} if troubles else {"status": "ok"})

    return handle


def _json(status: int, document: dict[str, object]) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(document), content_type="application/json")
