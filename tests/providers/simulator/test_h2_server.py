"""The HTTP/2 door by itself: flow control, clients that go away or misbehave, and the end."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest

from gateway.providers.simulator.exchange import Answer, Request, Service
from gateway.providers.simulator.h2_server import H2Server, server_tls
from gateway.providers.simulator.listen import bind_doors, url_of
from tests.providers.simulator.conftest import ANY_PORT
from tests.providers.simulator.h2_client import H2Client

BIG = b"x" * 200_000
STREAMS = 20
HUGE = b"x" * 4_000_000
REFUSED_STREAM, INTERNAL_ERROR, PROTOCOL_ERROR = 7, 2, 1


class Handler:
    """Answers by the path; notes what it was asked, and what was cancelled."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.cancelled = 0
        self.gate = asyncio.Event()

    async def __call__(self, request: Request) -> Answer:
        self.asked.append(request)
        match request.path:
            case "/big":
                return Answer(200, (), BIG)
            case "/huge":
                return Answer(200, (), HUGE)
            case "/fault":
                raise RuntimeError("words that must not be logged")
            case "/wait":
                try:
                    await self.gate.wait()
                except asyncio.CancelledError:
                    self.cancelled += 1
                    raise
        return Answer(204)


@pytest.fixture
async def handler() -> Handler:
    return Handler()


@pytest.fixture
async def server(data, handler, clock) -> AsyncIterator[tuple[H2Server, str]]:
    tls = await asyncio.to_thread(server_tls, str(data / "server.pem"))
    service = Service(handler, body_limit=100, first_stream_limit=lambda certificate: STREAMS, clock=clock)
    running = H2Server(service, tls)
    doors = bind_doors(ANY_PORT)
    await running.start(doors.fcm)
    yield running, url_of(doors.fcm, "https")
    await running.stop()
    doors.close()


@pytest.fixture
async def client(server, tls) -> AsyncIterator[H2Client]:
    async with H2Client(server[1], tls) as connected:
        yield await connected.ready()


async def finished(reply):
    async with asyncio.timeout(10):
        await reply.done.wait()
    return reply


async def test_a_request_arrives_whole(handler, client):
    reply = await client.send("/", [("a", "1"), ("a", "2")], b"body", "PUT")
    assert reply.status == 204
    (request,) = handler.asked
    assert (request.method, request.path, request.body, request.oversized) == ("PUT", "/", b"body", False)
    assert (request.header("a"), request.header("b")) == ("1", None)
    assert repr(request) == "Request(method='PUT', oversized=False)"


async def test_a_body_above_the_limit_is_cut_and_said_to_be(handler, client):
    await client.send("/", [], b"x" * 150_000)
    assert (len(handler.asked[0].body), handler.asked[0].oversized) == (100, True)


async def test_a_body_at_the_limit_is_not(handler, client):
    await client.send("/", [], b"x" * 100)
    assert (len(handler.asked[0].body), handler.asked[0].oversized) == (100, False)


async def test_a_big_answer_waits_for_the_window(server, tls, until):
    async with H2Client(server[1], tls, acknowledge=False) as client:
        await client.ready()
        reply = client.start("/big", [], b"")
        await until(lambda: len(reply.body) == 65_535)
        assert not reply.done.is_set()
        client.h2.increment_flow_control_window(200_000)
        client.h2.increment_flow_control_window(200_000, reply.stream_id)
        client.flush()
        assert (await finished(reply)).body == BIG


async def test_a_big_answer_goes_on_when_the_initial_window_grows(server, tls, until):
    async with H2Client(server[1], tls, acknowledge=False) as client:
        await client.ready()
        client.h2.increment_flow_control_window(200_000)
        reply = client.start("/big", [], b"")
        await until(lambda: len(reply.body) == 65_535)
        client.h2.update_settings({4: 300_000})
        client.flush()
        assert (await finished(reply)).body == BIG


async def test_a_client_that_reads_nothing_is_not_read_from(server, tls, handler):
    async with H2Client(server[1], tls) as client:
        await client.ready()
        client.writer.transport.pause_reading()
        client.h2.increment_flow_control_window(1 << 30)
        client.h2.update_settings({4: 1 << 30})
        client.flush()
        replies = []
        while len(handler.asked) == len(replies) < STREAMS:
            replies.append(client.start("/huge", [], b""))
            for _ in range(200):
                await asyncio.sleep(0)
        assert len(handler.asked) < len(replies)
        client.writer.transport.resume_reading()
        assert [len((await finished(reply)).body) for reply in replies] == [len(HUGE)] * len(replies)


async def test_a_stream_too_many_is_refused_alone(handler, client):
    waiting = [client.start("/wait", [], b"") for _ in range(STREAMS)]
    client.h2.remote_settings[3] = STREAMS + 1
    client.h2.remote_settings.acknowledge()
    refused = client.start("/", [], b"body")
    assert (await finished(refused)).reset == REFUSED_STREAM
    handler.gate.set()
    assert [(await finished(reply)).status for reply in waiting] == [204] * STREAMS


async def test_a_reset_stream_cancels_its_handler(handler, client, until):
    reply = client.start("/wait", [], b"")
    await until(lambda: handler.asked)
    client.h2.reset_stream(reply.stream_id)
    client.flush()
    await until(lambda: handler.cancelled)
    assert (await client.send("/", [], b"")).status == 204


async def test_a_stream_reset_before_its_end_is_forgotten(handler, client):
    reply = client.start("/", [], b"half", end=False)
    client.h2.reset_stream(reply.stream_id)
    assert (await client.send("/other", [], b"")).status == 204
    assert [request.path for request in handler.asked] == ["/other"]


async def test_a_client_that_goes_away_cancels_its_handlers(server, tls, handler, until):
    async with H2Client(server[1], tls) as client:
        await client.ready()
        client.start("/wait", [], b"")
        client.start("/wait", [], b"")
        await until(lambda: len(handler.asked) == 2)
    await until(lambda: handler.cancelled == 2)


async def test_a_client_that_says_goodbye_is_let_go(handler, client, until):
    client.start("/wait", [], b"")
    await until(lambda: handler.asked)
    client.h2.close_connection()
    client.flush()
    await until(client.closed.is_set)
    assert handler.cancelled == 1


async def test_a_client_that_breaks_the_protocol_gets_goaway(handler, client, until):
    client.start("/wait", [], b"")
    await until(lambda: handler.asked)
    client.writer.write(b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00")  # WINDOW_UPDATE of nothing
    await until(client.closed.is_set)
    assert (client.goodbye, handler.cancelled) == (PROTOCOL_ERROR, 1)


async def test_a_handler_that_fails_resets_its_stream_and_tells_no_words(handler, client, capsys):
    reply = await client.send("/fault", [], b"")
    assert reply.reset == INTERNAL_ERROR
    assert (await client.send("/", [], b"")).status == 204
    printed = capsys.readouterr().out
    assert "RuntimeError" in printed
    assert "words" not in printed


@pytest.fixture
def tls_without_alpn(data) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(data / "ca.pem"))


async def test_a_client_may_speak_http2_without_naming_it(server, tls_without_alpn):
    async with H2Client(server[1], tls_without_alpn) as client:
        assert (await client.send("/", [], b"")).status == 204


async def test_a_client_that_speaks_http1_is_let_go(server, tls_without_alpn):
    host, _, port = server[1].removeprefix("https://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=tls_without_alpn)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(10):
        await reader.read()
    writer.transport.abort()


async def test_stopping_bears_a_client_that_is_on_its_way_out(server, client, handler, until):
    client.writer.transport.pause_reading()
    client.start("/wait", [], b"")
    await until(lambda: handler.asked)
    client.h2.close_connection()
    client.flush()
    await until(lambda: handler.cancelled)
    stopping = asyncio.create_task(server[0].stop())
    await asyncio.sleep(0)
    client.writer.transport.resume_reading()
    await stopping
    await until(client.closed.is_set)


async def test_stopping_says_goodbye_and_cancels(server, handler, client, until):
    client.start("/wait", [], b"")
    await until(lambda: handler.asked)
    await server[0].stop()
    await until(client.closed.is_set)
    assert (client.goodbye, handler.cancelled) == (0, 1)
    await server[0].stop()


async def test_an_answer_in_many_frames_and_turns(client):
    replies = [client.start("/big", [], b"") for _ in range(3)]
    assert [(await finished(reply)).body for reply in replies] == [BIG] * 3


def test_listening_sockets_are_bound_and_not_yet_open():
    doors = bind_doors(ANY_PORT)
    assert doors.apns.getsockname()[1] > 0
    assert doors.apns.getsockopt(1, 30) == 0  # SOL_SOCKET, SO_ACCEPTCONN
    doors.close()
