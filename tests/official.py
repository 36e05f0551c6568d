"""An official gateway that answers as a test says, and keeps what it got."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import NamedTuple

from aiohttp import web
from multidict import CIMultiDict


class Got(NamedTuple):
    """A request as it arrived."""

    path: str
    headers: CIMultiDict[str]
    body: bytes


class Official:
    """Answers with `status`, `headers` and `body`; while `gate` is shut, answers wait."""

    def __init__(self) -> None:
        self.port = 0
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.received: list[Got] = []
        self.connections: set[asyncio.BaseTransport] = set()
        self.protocols: set[str | None] = set()
        """What was agreed on by ALPN."""
        self.gate = asyncio.Event()
        self.gate.set()
        self._arrivals: asyncio.Queue[Got] = asyncio.Queue()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def arrived(self) -> Got:
        """Wait for the next request that nobody has waited for yet; its answer may still be held back."""
        async with asyncio.timeout(10):
            return await self._arrivals.get()

    async def handle(self, request: web.Request) -> web.Response:
        got = Got(request.path, CIMultiDict(request.headers), await request.read())
        self.received.append(got)
        assert request.transport is not None
        self.connections.add(request.transport)
        self.protocols.add(request.transport.get_extra_info("ssl_object").selected_alpn_protocol())
        self._arrivals.put_nowait(got)
        await self.gate.wait()
        return web.Response(status=self.status, headers=self.headers, body=self.body)


@contextlib.asynccontextmanager
async def official_gateway(tls: ssl.SSLContext) -> AsyncIterator[Official]:
    official = Official()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", official.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    official.port = runner.addresses[0][1]
    try:
        yield official
    finally:
        await runner.cleanup()
