"""Which of a host's addresses a connection goes to."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from gateway.http2 import Limits, NotSent
from gateway.http2.addresses import SHUNNED, Address
from tests.clock import ManualClock
from tests.http2.conftest import MakePool, Send, until
from tests.http2.scripted import MAX_STREAMS, Peer, Server, scripted


class Names:
    """Stands for the system's resolver."""

    def __init__(self) -> None:
        self.addresses: list[Address] = []
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[Address]:
        self.asked.append((host, port))
        return self.addresses


def at(port: int) -> Address:
    return socket.AF_INET, ("127.0.0.1", port)


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
async def servers(server_tls) -> AsyncIterator[list[Server]]:
    """Three servers, as if behind three addresses."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(scripted(server_tls)) for _ in range(3)]


@pytest.fixture
def black_hole() -> "Callable[[], int]":
    """A port where nobody answers: the queue of those who knock is full."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=0)
    port = listening.getsockname()[1]
    knocking = []
    for _ in range(3):
        knocking.append(socket.socket())
        knocking[-1].setblocking(False)
        knocking[-1].connect_ex(("127.0.0.1", port))
    yield port
    for each in (*knocking, listening):
        each.close()


async def answered(server: Server, sending: "asyncio.Task", streams: int = 100) -> Peer:
    peer = await server.accepted({MAX_STREAMS: streams})
    peer.answer((await peer.request()).stream)
    assert (await sending).status == 200
    return peer


async def test_connections_are_spread_over_all_addresses(
    servers: list[Server], names: Names, make_pool: MakePool, send: Send
) -> None:
    names.addresses = [at(server.port) for server in servers]
    by = make_pool(Limits(max_connections=6), host="127.0.0.1", port=1, resolve=names)
    sending = [send(f"/{number}", by=by) for number in range(12)]
    peers = []
    for server in (*servers, *servers):
        peer = await server.accepted({MAX_STREAMS: 2})
        peers.append((peer, await peer.requests(2)))
    for peer, requests in peers:
        for request in requests:
            peer.answer(request.stream)
    assert [(await task).status for task in sending] == [200] * 12
    assert [server.connections for server in servers] == [2, 2, 2]
    assert names.asked == [("127.0.0.1", 1)] * 6
    in_use = sorted(connection.address for connection in by.statistics().connections)
    assert in_use == sorted(2 * [f"127.0.0.1:{server.port}" for server in servers])


async def test_an_address_that_refuses_is_passed_over(
    server: Server, names: Names, make_pool: MakePool, send: Send, closed_port: int
) -> None:
    names.addresses = [at(closed_port), at(server.port)]
    await answered(server, send(by=make_pool(resolve=names)))


async def test_an_address_that_does_not_answer_is_passed_over_in_time(
    server: Server, names: Names, make_pool: MakePool, send: Send, clock: ManualClock, black_hole: int
) -> None:
    names.addresses = [at(black_hole), at(server.port)]
    sending = send(by=make_pool(Limits(connect_timeout=4), resolve=names))
    await until(lambda: bool(names.asked))
    await clock.advance(1)
    await answered(server, sending)


async def test_when_no_address_answers_the_time_is_kept(
    names: Names, make_pool: MakePool, send: Send, clock: ManualClock, black_hole: int
) -> None:
    names.addresses = [at(black_hole), at(black_hole)]
    sending = send(by=make_pool(Limits(connect_timeout=4), resolve=names))
    await until(lambda: bool(names.asked))
    await clock.advance(4)
    with pytest.raises(NotSent) as caught:
        await sending
    assert caught.value.reason == "connect_timeout"


async def test_an_address_behind_which_nobody_speaks_comes_last_for_a_while(
    servers: list[Server], names: Names, make_pool: MakePool, send: Send, clock: ManualClock
) -> None:
    bad, good, _ = servers
    names.addresses = [at(bad.port), at(good.port)]
    by = make_pool(resolve=names)
    first = send(by=by)
    (await bad.accepted(is_settled=False)).abort()
    with pytest.raises(NotSent):
        await first
    await clock.advance(1)
    peer = await answered(good, send(by=by))
    for number in range(2):
        peer.abort()
        await until(lambda: not by.statistics().open)
        peer = await answered(good, send(f"/{number}", by=by))
    assert bad.connections == 1
    await clock.advance(SHUNNED)
    peer.abort()
    await until(lambda: not by.statistics().open)
    await answered(bad, send(by=by))


async def test_a_host_that_has_moved_is_found_at_its_new_address(
    servers: list[Server], names: Names, make_pool: MakePool, send: Send
) -> None:
    old, new, _ = servers
    names.addresses = [at(old.port)]
    by = make_pool(resolve=names)
    peer = await answered(old, send(by=by))
    names.addresses = [at(new.port)]
    peer.close()
    await until(lambda: not by.statistics().open)
    await answered(new, send(by=by))
    assert len(names.asked) == 2


async def test_ipv6(server_tls, make_pool: MakePool, send: Send) -> None:
    async with scripted(server_tls, host="::1") as server:
        by = make_pool(host="::1", port=server.port)
        sending = send(by=by)
        peer = await server.accepted()
        request = await peer.request()
        assert dict(request.headers)[":authority"] == f"[::1]:{server.port}"
        peer.answer(request.stream)
        assert (await sending).status == 200
        assert by.statistics().connections[0].address == f"[::1]:{server.port}"
        await by.aclose()
