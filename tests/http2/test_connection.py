"""How connections end and are replaced: goodbyes, silence, stream numbers that run out."""

import asyncio

import pytest

from gateway.http2 import Limits, NotSent, Pool, Unanswered
from tests.clock import ManualClock
from tests.http2.conftest import MakePool, Send, replaced, served
from tests.http2.scripted import ACK, GOAWAY, MAX_STREAMS, PING, Server, goaway


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
