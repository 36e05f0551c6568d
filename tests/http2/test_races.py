"""What happens between two turns of the event loop, and what nobody but a second event would set right."""

import asyncio
import gc
import ssl

import pytest

from gateway.http2 import Limits, NotSent, Origin, Pool, Response, Unanswered
from tests.clock import ManualClock
from tests.http2.conftest import MakePool, Send, a_request, served
from tests.http2.scripted import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW,
    MAX_FRAME_SIZE,
    MAX_STREAMS,
    PING,
    RST_STREAM,
    SETTINGS,
    TABLE_SIZE,
    Peer,
    Server,
    frame,
    goaway,
    reset,
    settings,
    window,
)


async def test_a_request_given_up_while_it_waits_never_leaves(server: Server, make_pool: MakePool, send: Send) -> None:
    """The first one's slot is free before the second, cancelled in the same turn, has left the line."""
    by = make_pool(Limits(max_connections=1))
    first = send("/first", by=by)
    peer = await server.accepted({MAX_STREAMS: 1})
    await peer.request()
    second = send("/second", by=by)
    await peer.synchronised()
    first.cancel()
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    await peer.until(RST_STREAM)
    third = send("/third", by=by)
    assert (await peer.request()).path == "/third"
    assert [frame.stream for frame in peer.frames if frame.kind == HEADERS] == [1, 3]
    peer.answer(3)
    assert (await third).status == 200


async def test_settings_are_acknowledged_before_they_are_made_use_of(server: Server, send: Send) -> None:
    """A peer may hold to its old limits until it reads that we know the new ones (RFC 9113 section 6.5.3)."""
    sending = send(body=b"x" * 30_000)
    peer = await server.accepted({INITIAL_WINDOW: 0})
    await peer.until(HEADERS)
    await peer.synchronised()
    peer.frames.clear()
    peer.send(settings({INITIAL_WINDOW: 30_000, MAX_FRAME_SIZE: 20_000}))
    await peer.until(DATA, ACK)
    assert [frame.kind for frame in peer.frames][:2] == [SETTINGS, DATA]
    peer.answer(1)
    assert (await sending).status == 200


async def test_who_waits_fails_at_once_when_only_a_connection_that_is_leaving_is_left(
    server: Server, send: Send
) -> None:
    slow = send("/slow")
    peer = await server.accepted()
    await peer.request()
    peer.send(goaway(1))
    await peer.synchronised()
    waiting = send("/waiting")
    (await server.accepted(is_settled=False)).abort()
    with pytest.raises(NotSent) as caught:
        await waiting
    assert caught.value.reason == "connection_lost"
    with pytest.raises(NotSent) as caught:
        await send("/at once")
    peer.answer(1)
    assert (await slow).status == 200


async def test_who_waits_for_a_full_connection_gets_another_when_the_backoff_is_over(
    server: Server, send: Send, clock: ManualClock
) -> None:
    waiting = send()
    full = await server.accepted({MAX_STREAMS: 0})
    (await server.accepted(is_settled=False)).abort()
    await full.synchronised()
    while server.connections == 2:
        await clock.advance(0.1)
    peer = await server.accepted()
    peer.answer((await peer.request()).stream)
    assert (await waiting).status == 200


async def test_a_peer_that_goes_away_from_every_request_is_not_stormed(
    server: Server, send: Send, clock: ManualClock
) -> None:
    sending = []
    for number in range(2):
        sending.append(send(f"/{number}"))
        peer = await server.accepted()
        await peer.request()
        peer.send(goaway(1))
        await peer.synchronised()
    more = [send(f"/more/{number}") for number in range(20)]
    await clock.advance(0)
    assert server.connections == 2
    await clock.advance(0.2)
    peer = await server.accepted()
    for request in await peer.requests(20):
        peer.answer(request.stream)
    assert [(await task).status for task in more] == [200] * 20
    await clock.advance(10.0)
    for task in sending:
        with pytest.raises(Unanswered):
            await task


async def test_a_graceful_goodbye_in_two_steps_counts_once(server: Server, send: Send, clock: ManualClock) -> None:
    slow = send("/slow")
    peer = await server.accepted()
    await peer.request()
    peer.send(goaway(2**31 - 1), goaway(1))
    await peer.synchronised()
    sending = send("/next")
    other = await server.accepted()
    other.answer((await other.request()).stream)
    assert (await sending).status == 200
    peer.answer(1)
    assert (await slow).status == 200


async def in_doubt(
    server: Server, send: Send, clock: ManualClock
) -> tuple[Peer, "asyncio.Task[Response]", "asyncio.Task[Response]"]:
    """A peer that does not answer PING, asked after a request came overdue, with two more under way."""
    overdue, slow, slower = send("/overdue", timeout=1.0), send("/slow", timeout=60), send("/slower", timeout=60)
    peer = await server.accepted()
    peer.is_alive = False
    await peer.requests(3)
    await clock.advance(1.0)
    with pytest.raises(Unanswered):
        await overdue
    await peer.until(PING)
    return peer, slow, slower


async def test_a_connection_in_doubt_is_kept_while_the_peer_still_answers(
    server: Server, send: Send, clock: ManualClock
) -> None:
    peer, slow, slower = await in_doubt(server, send, clock)
    await clock.advance(4.0)
    peer.answer(3)
    assert (await slow).status == 200
    await clock.advance(4.0)
    peer.answer(5)
    assert (await slower).status == 200


async def test_a_connection_in_doubt_that_falls_silent_again_is_given_up(
    server: Server, send: Send, clock: ManualClock
) -> None:
    peer, slow, slower = await in_doubt(server, send, clock)
    await clock.advance(4.0)
    peer.answer(3)
    await slow
    await clock.advance(5.0)
    with pytest.raises(Unanswered) as caught:
        await slower
    assert caught.value.reason == "connection_lost"


async def test_constant_headers_are_indexed_again_when_the_table_comes_back(server: Server, send: Send) -> None:
    sizes = []
    sending = send()
    peer = await server.accepted({TABLE_SIZE: 0})
    for turn in range(6):
        await peer.request()
        block = next(frame for frame in reversed(peer.frames) if frame.kind == HEADERS)
        sizes.append(len(block.payload))
        peer.answer(block.stream)
        assert (await sending).status == 200
        if turn == 2:
            peer.send(settings({TABLE_SIZE: 4096}))
            await peer.synchronised()
        sending = send()
    assert sizes[5] < sizes[2] - 20


WHOLE_ANSWER = frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x88")


@pytest.mark.parametrize("octets", [reset(1, 7), reset(1, 8), goaway(0), WHOLE_ANSWER, reset(1, 7) + goaway(0)])
async def test_what_arrives_for_a_request_given_up_in_the_same_turn_is_nothing(
    server: Server, pool: Pool, send: Send, clock: ManualClock, octets: bytes
) -> None:
    sending = send("/first")
    peer = await server.accepted()
    await peer.request()
    (connection,) = pool._connections
    sending.cancel()
    connection.data_received(octets)
    with pytest.raises(asyncio.CancelledError):
        await sending
    statistics = pool.statistics()
    assert (statistics.in_flight, statistics.waiting, statistics.retries) == (0, 0, 0)
    last = send("/last")
    await clock.advance(0.1)
    other = peer if statistics.open else await server.accepted()
    read = await other.request()
    assert read.path == "/last"
    other.answer(read.stream)
    assert (await last).status == 200


@pytest.mark.parametrize("octets", [reset(1, 8), reset(1, 7), goaway(0), b"HTTP/1.1 400 Bad Request"])
async def test_an_error_nobody_waits_for_any_more_is_not_complained_of(
    server: Server, pool: Pool, clock: ManualClock, octets: bytes
) -> None:
    """First the error, then the cancellation, and only then the sender's turn."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    sending = [asyncio.ensure_future(pool.send(a_request(f"/{number}"), timeout=10)) for number in range(2)]
    peer = await server.accepted()
    await peer.requests(2)
    (connection,) = pool._connections
    connection.data_received(octets)
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)
    await pool.aclose()
    del sending, task
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_closing_in_the_turn_of_a_cancellation(server: Server, pool: Pool, send: Send) -> None:
    waiting = send()
    await server.accepted(is_settled=False)
    waiting.cancel()
    await pool.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert pool.statistics().waiting == 0


async def test_nothing_behind_the_last_goodbye_is_handled(server: Server, send: Send) -> None:
    first = send()
    peer = await server.accepted()
    await peer.request()
    peer.answer(1)
    assert (await first).status == 200
    peer.send(goaway(1), frame(PING, 0, 0, b"too late"))
    assert (await peer.closed())[-1].kind == GOAWAY


async def test_acknowledged_settings_are_the_first_measure_of_the_way(
    server: Server, pool: Pool, send: Send, clock: ManualClock
) -> None:
    first = send()
    peer = await server.accepted()
    await peer.request()
    await clock.advance(0.25)
    peer.send(frame(SETTINGS, ACK))
    await peer.synchronised()
    assert pool.statistics().rtt == 0.25
    await clock.advance(1)
    peer.send(frame(PING, ACK, 0, bytes(8)), frame(SETTINGS, ACK))
    await peer.synchronised()
    assert pool.statistics().rtt == 0.25, "nobody asked"
    peer.answer(1)
    assert (await first).status == 200


async def test_several_overdue_requests_are_one_doubt(server: Server, send: Send, clock: ManualClock) -> None:
    overdue = [send(f"/{number}", timeout=2) for number in range(3)]
    peer = await server.accepted()
    await peer.requests(3)
    await clock.advance(2)
    for task in overdue:
        with pytest.raises(Unanswered):
            await task
    await peer.until(PING)
    await served(server, send, peer)
    assert sum(read.kind == PING and not read.flags & ACK for read in peer.frames) == 1


def pings(peer: Peer) -> int:
    return sum(read.kind == PING and not read.flags & ACK for read in peer.frames)


async def test_a_connection_in_use_is_not_asked(server: Server, send: Send, clock: ManualClock) -> None:
    sending = send()
    peer = await server.accepted()
    for _ in range(4):
        request = await peer.request()
        await clock.advance(1.5)
        peer.answer(request.stream)
        assert (await sending).status == 200
        await clock.advance(60)
        sending = send()
    peer.answer((await peer.request()).stream)
    assert (await sending).status == 200
    await clock.advance(300)
    await peer.until(PING)
    assert pings(peer) == 1


async def test_a_connection_silent_with_requests_under_way_is_asked_once_in_a_while(
    server: Server, send: Send, clock: ManualClock
) -> None:
    slow = send("/slow", timeout=60)
    peer = await server.accepted()
    await peer.request()
    await clock.advance(2)
    await peer.until(PING)
    await peer.synchronised()
    await clock.advance(9.9)
    await served(server, send, peer)
    assert pings(peer) == 1
    await clock.advance(2)
    await peer.until(PING)
    peer.answer(1)
    assert (await slow).status == 200


async def test_a_connection_that_is_dead_under_requests_is_left_before_they_are_overdue(
    server: Server, pool: Pool, send: Send, clock: ManualClock
) -> None:
    lost = [send(f"/{number}") for number in range(2)]
    dead = await server.accepted()
    await dead.requests(2)
    dead.is_alive = False
    await clock.advance(2)
    await dead.until(PING)
    sending = send("/next")
    other = await server.accepted()
    other.answer((await other.request()).stream)
    assert (await sending).status == 200
    await clock.advance(5)
    for task in lost:
        with pytest.raises(Unanswered) as caught:
            await task
        assert caught.value.reason == "connection_lost"
    assert pool.statistics().open == 1


async def test_requests_go_elsewhere_while_a_peer_takes_no_bodies(
    server: Server, pool: Pool, send: Send, clock: ManualClock
) -> None:
    first = send("/first", b"x" * 50)
    shut = await server.accepted({INITIAL_WINDOW: 0})
    await shut.until(HEADERS)
    second = send("/second", b"x" * 50)
    await shut.synchronised()
    assert server.connections == 1, "window may come at any moment"
    await clock.advance(0.1)
    other = await server.accepted()
    other.answer((await other.request()).stream)
    assert (await second).status == 200
    shut.send(settings({INITIAL_WINDOW: 100}))
    shut.answer((await shut.request()).stream)
    assert (await first).status == 200
    assert pool.statistics().open == 2


async def test_requests_wait_in_line_for_the_window_of_the_only_connection_there_may_be(
    server: Server, make_pool: MakePool, send: Send, clock: ManualClock
) -> None:
    by = make_pool(Limits(max_connections=1))
    sending = [send(f"/{number}", b"x" * 40_000, by=by, timeout=5) for number in range(3)]
    peer = await server.accepted({INITIAL_WINDOW: 50_000})
    first = await peer.request()
    await peer.until(DATA)
    await peer.synchronised()
    assert by.statistics().waiting == 1, "a third body would not get through"
    peer.answer(first.stream)
    peer.send(window(0, 40_000))
    second = await peer.request()
    peer.answer(second.stream)
    peer.send(window(0, 40_000))
    peer.answer((await peer.request()).stream)
    assert [(await task).status for task in sending] == [200] * 3
    assert server.connections == 1


async def test_an_address_that_cannot_be_is_a_failed_connect(client_tls: ssl.SSLContext, clock: ManualClock) -> None:
    pool = Pool(Origin("127.0.0.1", 70_000), client_tls, clock=clock)
    for _ in range(2):
        with pytest.raises(NotSent) as caught:
            await pool.send(a_request(), timeout=10)
        assert caught.value.reason == "connect_failed"
    await pool.aclose()
