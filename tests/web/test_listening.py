"""Opening a door and closing it, on real sockets."""

import asyncio
import contextlib
import errno
import gc
import socket
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop
from aiohttp import web

from gateway.model.address import HostPort
from gateway.model.clock import SystemClock
from gateway.model.errors import SettingsError
from gateway.web.listening import NEWCOMER_SECONDS, Listener, bind
from gateway.web.newcomers import turn_away
from tests.clock import ManualClock

GET = b"GET /hello HTTP/1.1\r\nHost: here\r\n\r\n"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


NEEDS_IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def application(hold: asyncio.Event | None = None) -> web.Application:
    async def hello(request: web.Request) -> web.Response:
        if hold is not None:
            await hold.wait()
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/hello", hello)
    return app


async def opened(
    host: str = "127.0.0.1", clock: ManualClock | None = None, hold: asyncio.Event | None = None
) -> Listener:
    listener = Listener(
        application(hold), await asyncio.to_thread(bind, HostPort(host, 0)), clock or SystemClock(), 5.0
    )
    await listener.open()
    return listener


async def asked(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(GET)
    answer = await read_answer(reader)
    writer.close()
    await writer.wait_closed()
    return answer


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Content-Length: 5\r\n" in head
        return await reader.readexactly(5)


def test_port_0_is_one_the_system_chose() -> None:
    with bind(HostPort("127.0.0.1", 0)) as one, bind(HostPort("127.0.0.1", 0)) as other:
        ports = {one.getsockname()[1], other.getsockname()[1]}
    assert len(ports) == 2
    assert 0 not in ports


def test_an_address_in_use_is_told_with_the_address() -> None:
    with bind(HostPort("127.0.0.1", 0)) as taken:
        taken.listen()
        address = HostPort("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(SettingsError) as caught:
            bind(address)
    assert str(caught.value) == (f"cannot listen on {address}: Address already in use; choose another address or port")
    assert caught.value.exit_code == 2


def test_an_address_that_cannot_be_had_leaves_no_socket_open() -> None:
    with warnings.catch_warnings(record=True) as warned, bind(HostPort("127.0.0.1", 0)) as taken:
        warnings.simplefilter("always")
        taken.listen()
        with contextlib.suppress(SettingsError):
            bind(HostPort("127.0.0.1", taken.getsockname()[1]))
        gc.collect()
    assert warned == []


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_told(host: str) -> None:
    with pytest.raises(SettingsError, match=rf"cannot listen on {host}:8080: .+; choose another address or port"):
        bind(HostPort(host, 8080))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", pytest.param("::1", marks=NEEDS_IPV6)])
async def test_it_answers_where_it_says_it_listens(host: str) -> None:
    listener = await opened(host)
    assert await asked(listener.address.host, listener.address.port) == b"hello"
    await listener.close()


@NEEDS_IPV6
async def test_any_ipv6_address_takes_ipv4_too_and_one_does_not() -> None:
    everywhere = await opened("::")
    assert await asked("127.0.0.1", everywhere.address.port) == b"hello"
    assert await asked("::1", everywhere.address.port) == b"hello"
    await everywhere.close()
    only = await opened("::1")
    with pytest.raises(ConnectionRefusedError):
        await asked("127.0.0.1", only.address.port)
    await only.close()


@pytest.fixture
def crowd() -> Iterator[list[socket.socket]]:
    """Sockets that do not block."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.socket()) for _ in range(50)]
        for client in clients:
            client.setblocking(False)
        yield clients


async def close_on(crowd: list[socket.socket]) -> list[bytes]:
    """What a crowd is answered that comes in the turn of the loop in which the door begins to close."""
    listener = await opened()
    where = (listener.address.host, listener.address.port)
    for client in crowd:
        client.connect_ex(where)
        assert client.send(GET) == len(GET)
    closing = asyncio.create_task(listener.close())
    answers = [await answer_to(client) for client in crowd]
    await closing
    return answers


async def answer_to(client: socket.socket) -> bytes:
    """The answer, or nothing where the connection was lost."""
    reader, writer = await asyncio.open_connection(sock=client)
    try:
        return await read_answer(reader)
    except (ConnectionError, asyncio.IncompleteReadError):
        return b""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def test_who_is_waiting_when_the_door_closes_is_answered(
    crowd: list[socket.socket], new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(close_on(crowd)) == [b"hello"] * len(crowd)


async def close_one_of_two() -> bytes:
    """What is answered by a door whose socket another door had, which has closed."""
    first = await asyncio.to_thread(bind, HostPort("127.0.0.1", 0))
    doors = [Listener(application(), one, SystemClock(), 5.0, is_shared=True) for one in (first, first.dup())]
    for door in doors:
        await door.open()
    address = doors[1].address
    await doors[0].close()
    try:
        return await asyncio.wait_for(asked(address.host, address.port), 5)
    finally:
        await doors[1].close()


@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def test_a_door_that_shares_its_socket_closes_alone(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(close_one_of_two()) == b"hello"


async def test_a_closed_door_refuses_whoever_comes_later() -> None:
    listener = await opened()
    address = listener.address
    await listener.close()
    with pytest.raises(ConnectionRefusedError):
        await asked(address.host, address.port)


async def test_what_is_under_way_finishes() -> None:
    hold = asyncio.Event()
    listener = await opened(hold=hold)
    reader, writer = await asyncio.open_connection(listener.address.host, listener.address.port)
    writer.write(GET)
    closing = asyncio.create_task(listener.close())
    await asyncio.sleep(0)
    hold.set()
    assert await read_answer(reader) == b"hello"
    await closing
    writer.close()
    await writer.wait_closed()


async def test_who_came_and_says_nothing_is_heard_for_a_second(clock: ManualClock) -> None:
    listener = await opened(clock=clock)
    address = listener.address
    reader, writer = await asyncio.open_connection(address.host, address.port)
    assert await asked(address.host, address.port) == b"hello"
    closing = asyncio.create_task(listener.close())
    await clock.advance(NEWCOMER_SECONDS / 2)
    assert not closing.done()
    writer.write(GET)
    assert await read_answer(reader) == b"hello"
    await clock.advance(NEWCOMER_SECONDS)
    async with asyncio.timeout(10):
        await closing
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


def test_turning_away_keeps_who_is_there() -> None:
    with bind(HostPort("127.0.0.1", 0)) as listener, socket.socket() as late:
        listener.listen()
        with socket.create_connection(listener.getsockname()) as early:
            turn_away(listener)
            late.setblocking(False)
            assert late.connect_ex(listener.getsockname()) == errno.EINPROGRESS
            with pytest.raises(OSError, match="not connected"):
                late.getpeername()
            accepted, _ = listener.accept()
            with accepted:
                early.sendall(b"still here")
                assert accepted.recv(100) == b"still here"


def knock(address: tuple[str, int], answers: list[bytes]) -> None:
    """Ask on new connections until there are no more."""
    with contextlib.suppress(TimeoutError, ConnectionRefusedError):
        while True:
            with socket.create_connection(address, timeout=0.2) as client:
                client.settimeout(10)
                client.sendall(b"GET /hello HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
                answers.append(b"".join(iter(lambda: client.recv(1000), b"")))


async def test_whoever_got_a_connection_before_the_close_gets_an_answer(until: Callable[..., Any]) -> None:
    listener = await opened()
    address = (listener.address.host, listener.address.port)
    answers: list[bytes] = []
    knocking = [asyncio.create_task(asyncio.to_thread(knock, address, answers)) for _ in range(8)]
    await until(lambda: len(answers) >= 50)
    await listener.close()
    await asyncio.gather(*knocking)
    assert {answer.endswith(b"hello") for answer in answers} == {True}
