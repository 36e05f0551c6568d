"""What ends a connection: goodbyes, breaches of the protocol, silence. The pool goes on with the next one."""

import asyncio

import pytest

from gateway.http2 import Limits, NotSent, Pool, Unanswered
from tests.clock import ManualClock
from tests.http2.conftest import MakePool, Send, replaced, served
from tests.http2.scripted import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    MAX_FRAME_SIZE,
    MAX_STREAMS,
    PING,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Server,
    frame,
    goaway,
    settings,
)

PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, COMPRESSION_ERROR = 1, 3, 6, 9


@pytest.mark.parametrize("last", [0, 1, 3, 5, 7])
async def test_goaway_sends_again_what_lies_above_it_and_waits_for_the_rest(
    server: Server, pool: Pool, send: Send, last: int
) -> None:
    sending = [send(f"/{number}") for number in range(3)]
    peer = await server.accepted()
    requests = await peer.requests(3)
    peer.send(goaway(last, 0, b'{"reason":"Shutdown"}'))
    taken = [request for request in requests if request.stream <= last]
    if len(taken) < 3:
        successor = await server.accepted()
        again = await successor.requests(3 - len(taken))
        assert [request.path for request in again] == [request.path for request in requests[len(taken) :]]
        for request in again:
            successor.answer(request.stream, 202)
    for request in taken:
        peer.answer(request.stream, 201)
    assert [(await task).status for task in sending] == [201] * len(taken) + [202] * (3 - len(taken))
    await peer.closed()
    statistics = pool.statistics()
    assert (statistics.goaways, statistics.retries) == ({"Shutdown": 1}, 3 - len(taken))
    assert server.connections == (1 if len(taken) == 3 else 2)


async def test_a_graceful_shutdown_says_goaway_twice(server: Server, pool: Pool, send: Send) -> None:
    first, second = send("/first"), send("/second")
    peer = await server.accepted()
    requests = await peer.requests(2)
    peer.send(goaway(2**31 - 1))
    await peer.synchronised()
    peer.send(goaway(requests[0].stream))
    peer.answer(requests[0].stream)
    assert (await first).status == 200
    successor = await server.accepted()
    successor.answer((await successor.request()).stream)
    assert (await second).status == 200
    assert pool.statistics().goaways == {"code_0": 2}


async def test_new_requests_go_to_another_connection_while_one_is_leaving(
    server: Server, pool: Pool, send: Send
) -> None:
    first = send("/first")
    peer = await server.accepted()
    request = await peer.request()
    peer.send(goaway(request.stream))
    await peer.synchronised()
    await replaced(server, send)
    assert pool.statistics().open == 2
    peer.answer(request.stream)
    assert (await first).status == 200
    await peer.closed()
    assert pool.statistics().open == 1


async def test_goaway_on_an_idle_connection_replaces_it(server: Server, send: Send) -> None:
    first = send("/first")
    peer = await server.accepted()
    request = await peer.request()
    peer.answer(request.stream)
    assert (await first).status == 200
    peer.send(goaway(request.stream))
    assert (await peer.closed())[-1].kind == GOAWAY
    await replaced(server, send)


async def test_goaway_in_place_of_settings(server: Server, pool: Pool, send: Send, clock: ManualClock) -> None:
    sending = send()
    peer = await server.accepted(is_settled=False)
    peer.send(goaway(0, 2, b'{"reason":"BadCertificate"}'))
    with pytest.raises(NotSent) as caught:
        await sending
    assert caught.value.reason == "goaway"
    assert pool.statistics().goaways == {"BadCertificate": 1}
    await clock.advance(1)
    await replaced(server, send)


async def test_a_peer_that_never_says_more_than_goaway_is_not_asked_for_ever(
    server: Server, send: Send, clock: ManualClock
) -> None:
    sending = send(timeout=60)
    for number in range(5):
        peer = await server.accepted()
        await peer.request()
        peer.send(goaway(0))
        await peer.closed()
        assert number < 1 or server.connections == number + 1, "connecting again at once would look like an attack"
        await clock.advance(1)
    with pytest.raises(NotSent) as caught:
        await sending
    assert caught.value.reason == "goaway"
    await clock.advance(10)
    await replaced(server, send)


async def test_a_peer_that_keeps_sending_connections_away_is_waited_for_a_little_and_no_longer(
    server: Server, send: Send, clock: ManualClock
) -> None:
    sending = send(timeout=600)
    while not sending.done():
        peer = await server.accepted()
        await peer.request()
        peer.send(goaway(1))
        await peer.synchronised()
        sending = send(timeout=600)
        await clock.advance(1)
    with pytest.raises(NotSent) as caught:
        await sending
    assert caught.value.reason == "goaway"
    assert 4 <= server.connections <= 6


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
        (frame(HEADERS, END_HEADERS, 0, b"\x88"), PROTOCOL_ERROR),
        (frame(RST_STREAM, 0, 0, bytes(4)), PROTOCOL_ERROR),
        (frame(SETTINGS, 0, 1), PROTOCOL_ERROR),
        (frame(PING, 0, 1, bytes(8)), PROTOCOL_ERROR),
        (frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL_ERROR),
        (frame(DATA, 0, 2, b"x"), PROTOCOL_ERROR),
        (frame(DATA, 0, 99, b"x"), PROTOCOL_ERROR),
        (frame(HEADERS, END_HEADERS, 99, b"\x88"), PROTOCOL_ERROR),
        (frame(RST_STREAM, 0, 99, bytes(4)), PROTOCOL_ERROR),
        (frame(WINDOW_UPDATE, 0, 99, bytes(4)), PROTOCOL_ERROR),
        (frame(PUSH_PROMISE, END_HEADERS, 1, bytes(4) + b"\x82"), PROTOCOL_ERROR),
        (frame(CONTINUATION, END_HEADERS, 1, b"\x88"), PROTOCOL_ERROR),
        (frame(HEADERS, 0, 1, b"\x88") + frame(PING, 0, 0, bytes(8)), PROTOCOL_ERROR),
        (frame(DATA, 8, 1, b"\x05x"), PROTOCOL_ERROR),
        (frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff\xff"), COMPRESSION_ERROR),
        (frame(HEADERS, END_HEADERS, 1, b"\xc5"), COMPRESSION_ERROR),
        (frame(RST_STREAM, 0, 1, bytes(3)), FRAME_SIZE_ERROR),
        (frame(RST_STREAM, 0, 1, bytes(5)), FRAME_SIZE_ERROR),
        (frame(WINDOW_UPDATE, 0, 0, bytes(3)), FRAME_SIZE_ERROR),
        (frame(PING, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
        (frame(GOAWAY, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
        (frame(SETTINGS, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
        (frame(SETTINGS, ACK, 0, bytes(6)), FRAME_SIZE_ERROR),
        (frame(DATA, 0, 1, bytes(16_385)), FRAME_SIZE_ERROR),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", FRAME_SIZE_ERROR),
        (settings({MAX_FRAME_SIZE: 16_383}), PROTOCOL_ERROR),
        (settings({MAX_FRAME_SIZE: 1 << 24}), PROTOCOL_ERROR),
        (settings({2: 1}), PROTOCOL_ERROR),
    ],
)
async def test_a_breach_of_the_protocol_ends_the_connection_cleanly(
    server: Server, send: Send, octets: bytes, code: int
) -> None:
    sending = [send(f"/{number}") for number in range(2)]
    peer = await server.accepted()
    await peer.requests(2)
    peer.send(octets, settings({MAX_STREAMS: 50}))
    for task in sending:
        with pytest.raises(Unanswered) as caught:
            await task
        assert caught.value.reason == "protocol_error"
    assert (await peer.until(GOAWAY)).goaway_code == code
    await replaced(server, send)
    assert server.connections == 2


@pytest.mark.parametrize("octets", [frame(PING, 0, 0, bytes(8)), frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1")])
async def test_a_peer_that_does_not_begin_with_settings_is_none(
    server: Server, send: Send, clock: ManualClock, octets: bytes
) -> None:
    sending = send()
    peer = await server.accepted(is_settled=False)
    peer.send(octets)
    with pytest.raises(NotSent) as caught:
        await sending
    assert caught.value.reason == "protocol_error"
    await clock.advance(1)
    await replaced(server, send)


async def test_what_is_unknown_is_ignored(server: Server, send: Send) -> None:
    first = send("/first")
    peer = await server.accepted({MAX_STREAMS: 100, 0x99: 7, 6: 10})
    request = await peer.request()
    peer.send(frame(0xF0, 0xFF, 0, b"anything"), frame(0xF1, 0, 77, b""), frame(2, 0, 1, bytes(5)))
    peer.answer(request.stream)
    assert (await first).status == 200
    await served(server, send, peer)


async def test_pings_are_answered_with_their_octets(server: Server, send: Send) -> None:
    send()
    peer = await server.accepted()
    peer.send(frame(PING, 0, 0, b"12345678"))
    assert (await peer.until(PING, ACK)).payload == b"12345678"


@pytest.mark.parametrize("is_reset", [True, False])
async def test_a_connection_that_breaks_leaves_its_requests_unanswered(
    server: Server, send: Send, is_reset: bool
) -> None:
    sending = [send(f"/{number}") for number in range(3)]
    peer = await server.accepted({MAX_STREAMS: 2})
    requests = await peer.requests(2)
    peer.send(frame(HEADERS, END_HEADERS, requests[0].stream, peer.block()), frame(DATA, 0, 1, b"half")[:-2])
    (peer.abort if is_reset else peer.close)()
    for task in sending[:2]:
        with pytest.raises(Unanswered) as caught:
            await task
        assert caught.value.reason == "connection_lost"
    successor = await server.accepted()
    request = await successor.request()
    assert request.path == "/2"
    successor.answer(request.stream)
    assert (await sending[2]).status == 200


async def test_what_never_left_is_sent_again_when_the_connection_breaks(server: Server, pool: Pool, send: Send) -> None:
    first = send("/first")
    peer = await server.accepted()
    peer.answer((await peer.request()).stream)
    assert (await first).status == 200
    (connection,) = pool._connections
    second = send("/second")
    asyncio.get_running_loop().call_soon(connection.give_up)
    successor = await server.accepted()
    request = await successor.request()
    assert request.path == "/second"
    successor.answer(request.stream)
    assert (await second).status == 200
    assert pool.statistics().retries == 1


async def test_a_quiet_connection_is_asked_and_lives_on(
    server: Server, pool: Pool, send: Send, clock: ManualClock
) -> None:
    first = send("/first")
    peer = await server.accepted()
    peer.answer((await peer.request()).stream)
    assert (await first).status == 200
    await clock.advance(299)
    await clock.advance(1)
    await peer.until(PING)
    await asyncio.sleep(0)
    await served(server, send, peer)
    assert pool.statistics().rtt == 0
    await clock.advance(300)
    await peer.until(PING)


async def test_a_quiet_connection_that_is_dead_is_found_before_a_request_is(
    server: Server, pool: Pool, send: Send, clock: ManualClock
) -> None:
    first = send("/first")
    peer = await server.accepted()
    peer.answer((await peer.request()).stream)
    assert (await first).status == 200
    peer.is_alive = False
    await clock.advance(300)
    await peer.until(PING)
    assert pool.statistics().open == 1
    await clock.advance(5)
    assert pool.statistics().open == 0
    await replaced(server, send)


async def test_a_connection_silent_past_a_deadline_is_not_relied_on(
    server: Server, pool: Pool, send: Send, clock: ManualClock
) -> None:
    overdue, other = send("/overdue", timeout=3), send("/other", timeout=30)
    peer = await server.accepted()
    peer.is_alive = False
    await peer.requests(2)
    await clock.advance(3)
    with pytest.raises(Unanswered):
        await overdue
    successor = await replaced(server, send)
    assert pool.statistics().open == 2
    await clock.advance(5)
    with pytest.raises(Unanswered) as caught:
        await other
    assert caught.value.reason == "connection_lost"
    sending = send("/last")
    successor.answer((await successor.request()).stream)
    assert (await sending).status == 200


async def test_overdue_requests_on_a_connection_that_speaks_are_no_reason_for_doubt(
    server: Server, send: Send, clock: ManualClock
) -> None:
    overdue, other = send("/overdue", timeout=3), send("/other", timeout=30)
    peer = await server.accepted()
    requests = await peer.requests(2)
    await clock.advance(1)
    peer.answer(requests[1].stream)
    assert (await other).status == 200
    await clock.advance(2)
    with pytest.raises(Unanswered):
        await overdue
    await served(server, send, peer)
    assert not any(read.kind == PING and not read.flags & ACK for read in peer.frames)


class ShortLived(Pool):
    last_stream = 214


class VeryShortLived(Pool):
    last_stream = 3


async def test_stream_numbers_that_end_are_replaced_without_a_gap(
    server: Server, make_pool: MakePool, send: Send
) -> None:
    by = make_pool(kind=ShortLived)
    sending = [send(f"/{number}", by=by) for number in range(4)]
    peer = await server.accepted({MAX_STREAMS: 1000})
    for request in await peer.requests(4):
        peer.answer(request.stream)
    assert [(await task).status for task in sending] == [200] * 4
    assert server.connections == 1
    for _ in range(3):
        last = send(by=by)
        peer.answer((await peer.request()).stream)
        assert (await last).status == 200
    successor = await server.accepted()
    assert by.statistics().open + by.statistics().connecting == 2
    assert successor is not peer


async def test_the_last_stream_number_is_the_last(server: Server, make_pool: MakePool, send: Send) -> None:
    by = make_pool(kind=VeryShortLived)
    sending = [send(f"/{number}", by=by) for number in range(4)]
    answered = []
    for _ in range(2):
        peer = await server.accepted()
        requests = await peer.requests(2)
        assert [request.stream for request in requests] == [1, 3]
        for request in requests:
            peer.answer(request.stream)
            answered.append(request.path)
        await peer.closed()
    assert [(await task).status for task in sending] == [200] * 4
    assert answered == ["/0", "/1", "/2", "/3"]


async def test_a_peer_that_does_not_read_gets_no_more_streams(
    server: Server, make_pool: MakePool, send: Send, clock: ManualClock
) -> None:
    by = make_pool(Limits(max_connections=1))
    first = send("/first", by=by)
    peer = await server.accepted({MAX_STREAMS: 100})
    peer.answer((await peer.request()).stream)
    assert (await first).status == 200
    (connection,) = by._connections
    connection.pause_writing()
    second = send("/second", by=by)
    await asyncio.sleep(0)
    assert by.statistics().waiting == 1
    connection.resume_writing()
    peer.answer((await peer.request()).stream)
    assert (await second).status == 200
