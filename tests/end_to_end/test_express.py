"""The express lane: which requests it takes, and what becomes of a connection whatever its client does."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.model.clock import SystemClock
from gateway.providers.simulator import Rule, Simulator
from gateway.web.express import ExpressLane
from gateway.web.protocol import HEAD_SECONDS, IDLE_SECONDS
from tests.anywhere import ANYWHERE
from tests.clock import ManualClock
from tests.end_to_end.running import ANDROID, Running, message, settings_of, start_gateway


class Client:
    """One connection to the gateway, on which whole requests are sent."""

    def __init__(self, running: Running, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._secret = running.secret

    def send(self, *headers: str, secret: str | None = None, version: str = "1.1") -> None:
        body = json.dumps(message(ANDROID)).encode()
        path = f"/w/{secret or self._secret}/push/gcm/send"
        lines = [f"POST {path} HTTP/{version}", "Host: here", f"Content-Length: {len(body)}", *headers]
        self.writer.write("\r\n".join((*lines, "", "")).encode() + body)

    async def answer(self) -> tuple[int, dict[str, str]]:
        """The next answer's status and headers; its body is read too."""
        async with asyncio.timeout(10):
            status, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            await self.reader.readexactly(int(headers["Content-Length"]))
        return int(status.split()[1]), headers

    async def is_closed(self) -> bool:
        async with asyncio.timeout(10):
            return await self.reader.read() == b""


class Site:
    """A gateway whose provider's time stands still, so that a push is under way as long as a test wants."""

    def __init__(
        self, running: Running, clock: ManualClock, until: Callable[..., Any], cleanup: AsyncExitStack
    ) -> None:
        self.running = running
        self.close = cleanup.aclose
        self.clock = clock
        self.until = until
        self._clients: list[Client] = []

    @property
    def lane(self) -> ExpressLane:
        lane = self.running.doors.public.express
        assert lane is not None
        return lane

    @property
    def is_under_way(self) -> bool:
        return bool(self.lane.serving)

    async def client(self, buffer: int | None = None) -> Client:
        """Connect; `buffer` is how many octets of answers the client's system keeps for it."""
        address = self.running.doors.public.address
        connected = socket.socket()
        connected.setblocking(False)
        if buffer:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        await asyncio.get_running_loop().sock_connect(connected, (address.host, address.port))
        client = Client(self.running, *await asyncio.open_connection(sock=connected))
        self._clients.append(client)
        await self.until(lambda: len(self.lane.connections) == len(self._clients))
        return client

    async def sent(self, pushes: int) -> None:
        await self.until(lambda: len(self.running.simulator.received) == pushes)

    async def held(self) -> Client:
        """A client whose push waits for the provider."""
        self.running.simulator.set_rules([Rule(delay_ms=1000)])
        client = await self.client()
        waiting = asyncio.create_task(self.clock.next_timer())
        client.send()
        await waiting
        assert self.is_under_way
        return client

    async def clog(self) -> tuple[Client, int]:
        """A client that sends without reading until it is not read from any more, and how many pushes it sent."""
        client, sent = await self.client(buffer=65536), 0
        client.writer.transport.pause_reading()
        client.writer.transport.set_write_buffer_limits(0)
        while client.writer.transport.get_write_buffer_size() == 0:
            client.send(secret="wrong")
            sent += 1
            await asyncio.sleep(0)
            await self.until(lambda: not self.is_under_way)
        return client, sent

    async def leave(self) -> None:
        for client in self._clients:
            client.writer.transport.abort()
        await asyncio.gather(*(client.writer.wait_closed() for client in self._clients), return_exceptions=True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time.time())


@pytest.fixture
async def site(data: Path, clock: ManualClock, until: Callable[..., Any]) -> AsyncIterator[Site]:
    async with Simulator(data, ANYWHERE, clock) as simulator, AsyncExitStack() as cleanup:
        settings = await asyncio.to_thread(settings_of, simulator)
        running = await start_gateway(simulator, cleanup, settings, SystemClock())
        await running.register()
        site = Site(running, clock, until, cleanup)
        yield site
        await site.leave()


async def test_many_pushes_come_on_one_connection(site: Site) -> None:
    client = await site.client()
    for _ in range(3):
        client.send()
        status, headers = await client.answer()
        assert (status, headers["Gateway-Outcome"], headers["Content-Length"]) == (200, "delivered", "0")
        assert headers["Server"] == "push-gateway"
        assert headers["Date"].endswith(" GMT")
        assert "Connection" not in headers
        assert len(site.lane.connections) == 1


@pytest.mark.parametrize(("headers", "version"), [(["Connection: close"], "1.1"), ([], "1.0")])
async def test_who_wants_one_answer_gets_one(site: Site, headers: list[str], version: str) -> None:
    client = await site.client()
    client.send(*headers, version=version)
    status, said = await client.answer()
    assert (status, said["Connection"]) == (200, "close")
    assert await client.is_closed()
    await site.until(lambda: not site.lane.connections)


async def test_a_refusal_says_why_and_the_next_push_may_come(site: Site) -> None:
    client = await site.client()
    client.send(secret="wrong")
    assert (await client.answer())[0] == 401
    client.send()
    assert (await client.answer())[0] == 200


async def test_what_comes_before_an_answer_waits_for_its_turn(site: Site) -> None:
    client = await site.held()
    client.send(secret="wrong")
    await client.writer.drain()
    site.running.simulator.set_rules([])
    await site.clock.advance(1)
    assert [(await client.answer())[0] for _ in range(2)] == [200, 401]
    assert len(site.lane.connections) == 1


async def test_a_page_on_the_connection_of_a_push_is_served_and_so_is_the_next_push(site: Site) -> None:
    client = await site.client()
    client.send()
    assert (await client.answer())[0] == 200
    client.writer.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
    assert (await client.answer())[0] == 200
    assert not site.lane.connections
    client.send(secret="wrong")
    assert (await client.answer())[0] == 401


async def test_a_push_whose_client_hangs_up_is_delivered(site: Site) -> None:
    client = await site.held()
    client.writer.transport.abort()
    await asyncio.sleep(0)
    await site.clock.advance(1)
    await site.sent(1)
    await site.until(lambda: not site.lane.connections)


async def test_who_sends_nothing_more_is_answered_all_the_same(site: Site) -> None:
    client = await site.held()
    client.writer.write_eof()
    await asyncio.sleep(0)
    await site.clock.advance(1)
    status, headers = await client.answer()
    assert (status, headers["Connection"]) == (200, "close")
    assert await client.is_closed()


async def test_who_never_reads_answers_is_cut_off_when_the_door_closes(site: Site) -> None:
    await site.clog()
    await site.close()
    assert not site.lane.connections


async def test_who_does_not_read_answers_is_not_read_from(site: Site) -> None:
    client, sent = await site.clog()
    client.writer.transport.resume_reading()
    assert {(await client.answer())[0] for _ in range(sent)} == {401, 429}


async def test_while_the_gateway_leaves_every_answer_is_the_last(site: Site) -> None:
    client = await site.client()
    site.running.doors.readiness.draining = True
    client.send()
    status, headers = await client.answer()
    assert (status, headers["Connection"]) == (200, "close")
    assert await client.is_closed()


async def test_what_is_under_way_is_answered_when_the_door_closes(site: Site) -> None:
    idle, busy = await site.client(), await site.held()
    closing = asyncio.create_task(site.close())
    assert await idle.is_closed()
    await site.clock.advance(1)
    status, headers = await busy.answer()
    assert (status, headers["Connection"]) == (200, "close")
    await closing


async def test_what_takes_longer_than_the_grace_is_broken_off(site: Site) -> None:
    busy = await site.held()
    await site.close()
    assert await busy.is_closed()
    assert not site.is_under_way


async def test_an_idle_connection_is_closed_after_an_hour_and_one_that_says_nothing_after_seconds(
    data: Path, clock: ManualClock, until: Callable[..., Any]
) -> None:
    async with Simulator(data, ANYWHERE, clock) as simulator, AsyncExitStack() as cleanup:
        settings = await asyncio.to_thread(settings_of, simulator)
        running = await start_gateway(simulator, cleanup, settings, clock)
        await running.register()
        site = Site(running, clock, until, cleanup)
        quiet, silent = await site.client(), await site.client()
        quiet.send()
        assert (await quiet.answer())[0] == 200
        await clock.advance(HEAD_SECONDS)
        assert await silent.is_closed()
        await clock.advance(IDLE_SECONDS - HEAD_SECONDS - 1)
        quiet.send()
        assert (await quiet.answer())[0] == 200
        await clock.advance(IDLE_SECONDS - 1)
        assert len(site.lane.connections) == 1
        await clock.advance(1)
        assert await quiet.is_closed()
        await site.leave()
