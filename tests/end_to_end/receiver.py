"""An operator's webhook."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web


class Receiver:
    """Takes every alarm that is posted."""

    def __init__(self) -> None:
        self.url = ""
        self.alarms: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.alarms.append(msgspec.json.decode(self.bodies[-1]))
        return web.Response()

    def told(self, alarm: str) -> list[tuple[str, str, str]]:
        return [(one["state"], one["about"], one["words"]) for one in self.alarms if one["alarm"] == alarm]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Serve one while the block runs."""
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()
