"""A server of raw HTTP/2 that answers every request as the test says, and keeps what it got."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from tests.http2.scripted import Peer, Received, Server, scripted


class Reply(NamedTuple):
    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Endpoint:
    """Answers with `reply(request)`; while `gate` is shut, answers wait."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._arrivals: asyncio.Queue[Received] = asyncio.Queue()
        self.requests: list[Received] = []
        self.reply: Callable[[Received], Reply] = lambda request: Reply()
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.port}"

    @property
    def connections(self) -> int:
        return self._server.connections

    async def arrived(self) -> Received:
        """Wait for the next request that nobody has waited for yet."""
        async with asyncio.timeout(10):
            return await self._arrivals.get()

    async def serve(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._attend(await self._server.accepted(), tasks))

    async def _attend(self, peer: Peer, tasks: asyncio.TaskGroup) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                request = await peer.request()
                self.requests.append(request)
                self._arrivals.put_nowait(request)
                tasks.create_task(self._answer(peer, request))

    async def _answer(self, peer: Peer, request: Received) -> None:
        reply = self.reply(request)
        await self.gate.wait()
        peer.answer(request.stream, reply.status, reply.body, reply.headers)


@contextlib.asynccontextmanager
async def serving(tls: ssl.SSLContext) -> AsyncIterator[Endpoint]:
    async with scripted(tls) as server:
        endpoint = Endpoint(server)
        task = asyncio.create_task(endpoint.serve())
        try:
            yield endpoint
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def header(request: Received, name: str) -> str | None:
    return dict(request.headers).get(name)
