"""A scripted server, and pools that speak to it."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import trustme

from gateway.http2 import Limits, Origin, Pool, Request, Response
from tests.clock import ManualClock
from tests.http2.scripted import PATIENCE, Peer, Server, scripted
from tests.http2.scripted import window as widen

Send = Callable[..., "asyncio.Task[Response]"]
MakePool = Callable[..., Pool]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(certificate: trustme.LeafCert, protocols: list[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    return server_context(authority.issue_cert("127.0.0.1", "::1", "localhost"), ["h2"])


@pytest.fixture(scope="session")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.set_alpn_protocols(["h2"])
    return context


@pytest.fixture(scope="session")
def named_tls(authority: trustme.CA) -> ssl.SSLContext:
    return server_context(authority.issue_cert("push.example.com"), ["h2"])


@pytest.fixture
async def named_server(named_tls: ssl.SSLContext) -> AsyncIterator[Server]:
    """A server whose certificate is for a name, and for no address."""
    async with scripted(named_tls) as server:
        yield server


@pytest.fixture
async def server(server_tls: ssl.SSLContext) -> AsyncIterator[Server]:
    async with scripted(server_tls) as server:
        yield server


@pytest.fixture
async def make_pool(server: Server, client_tls: ssl.SSLContext, clock: ManualClock) -> AsyncIterator[MakePool]:
    """Make pools that are closed after the test, before their server."""
    made: list[Pool] = []

    def make(
        limits: Limits | None = None,
        host: str = "127.0.0.1",
        port: int | None = None,
        kind: type[Pool] = Pool,
        **more: Any,
    ) -> Pool:
        origin = Origin(host, server.port if port is None else port)
        pool = kind(origin, client_tls, clock=clock, limits=limits or Limits(), **more)
        made.append(pool)
        return pool

    yield make
    for pool in made:
        await pool.aclose()


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def pool(make_pool: MakePool) -> Pool:
    return make_pool()


@pytest.fixture
async def send(pool: Pool) -> AsyncIterator[Send]:
    """Begin to send; what nobody waited for in the end is cancelled."""
    sending: list[asyncio.Task[Response]] = []

    def begin(path: str = "/", body: bytes = b"{}", timeout: float = 10.0, by: Pool | None = None) -> Any:
        coroutine: Coroutine[Any, Any, Response] = (by or pool).send(a_request(path, body), timeout=timeout)
        sending.append(asyncio.get_running_loop().create_task(coroutine))
        return sending[-1]

    yield begin
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)


def a_request(path: str = "/", body: bytes = b"{}") -> Request:
    return Request(path, (("content-type", "application/json"),), (("x-id", path),), body)


async def served(server: Server, send: Send, peer: Peer, window: int = 0) -> None:
    """The same connection serves the next request, and is still the only one."""
    if window:
        peer.send(widen(0, window))
    sending = send("/next")
    while (request := await peer.request()).path != "/next":
        pass
    peer.answer(request.stream, 200)
    assert (await sending).status == 200
    assert server.connections == 1


async def replaced(server: Server, send: Send) -> Peer:
    """A new connection serves the next request."""
    sending = send("/next")
    peer = await server.accepted()
    request = await peer.request()
    assert request.path == "/next"
    peer.answer(request.stream, 200)
    assert (await sending).status == 200
    return peer


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn, and the sockets be read, until a condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event, and is milliseconds away
            await asyncio.sleep(0)
