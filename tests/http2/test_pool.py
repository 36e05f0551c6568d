"""How many connections there are, who gets which, and what happens when none can be made."""

import asyncio
from itertools import pairwise

import pytest

from gateway.http2 import Limits, NotSent, Origin, Pool, Unanswered
from tests.clock import ManualClock
from tests.http2.conftest import MakePool, Send, a_request, replaced, served, until
from tests.http2.scripted import GOAWAY, INITIAL_WINDOW, MAX_STREAMS, Server, goaway, reset, settings


async def test_nothing_is_opened_before_it_is_needed(server: Server, pool: Pool) -> None:
    assert (pool.statistics().open, server.connections) == (0, 0)


async def test_a_burst_waits_for_one_connection_and_shares_it(server: Server, pool: Pool, send: Send) -> None:
    sending = [send(f"/{number}") for number in range(50)]
    peer = await server.accepted()
    for request in await peer.requests(50):
        peer.answer(request.stream)
    assert [(await task).status for task in sending] == [200] * 50
    statistics = pool.statistics()
    assert (statistics.open, statistics.idle, statistics.requests, statistics.in_flight) == (1, 1, 50, 0)
    assert server.connections == 1


async def test_more_connections_are_opened_when_streams_run_short_up_to_a_limit(
    server: Server, make_pool: MakePool, send: Send
) -> None:
    by = make_pool(Limits(max_connections=2))
    sending = [send(f"/{number}", by=by) for number in range(6)]
    first = await server.accepted({MAX_STREAMS: 2})
    second = await server.accepted({MAX_STREAMS: 2})
    requests = [(peer, request) for peer in (first, second) for request in await peer.requests(2)]
    assert [request.path for _, request in requests] == ["/0", "/1", "/2", "/3"]
    statistics = by.statistics()
    assert (statistics.open, statistics.connecting, statistics.in_flight, statistics.waiting) == (2, 0, 4, 2)
    for _, request in requests[:2]:
        first.answer(request.stream)
    for request in await first.requests(2):
        first.answer(request.stream)
    for _, request in requests[2:]:
        second.answer(request.stream)
    assert [(await task).status for task in sending] == [200] * 6
    assert server.connections == 2


async def test_a_burst_is_spread_over_the_connections_there_are(
    server: Server, make_pool: MakePool, send: Send
) -> None:
    by = make_pool(Limits(max_connections=2))
    sending = [send(by=by) for _ in range(3)]
    peers = [await server.accepted({MAX_STREAMS: 2}), await server.accepted({MAX_STREAMS: 2})]
    begun = [(peer, await peer.request()) for peer in (peers[0], peers[0], peers[1])]
    for peer, request in begun:
        peer.answer(request.stream)
    await asyncio.gather(*sending)
    sending = [send(by=by), send(by=by)]
    for peer in peers:
        peer.answer((await peer.request()).stream)
    await asyncio.gather(*sending)


async def test_requests_wait_for_a_connection_that_is_warming_up(server: Server, pool: Pool, send: Send) -> None:
    sending = [send(f"/{number}") for number in range(5)]
    peer = await server.accepted({MAX_STREAMS: 1})
    first = await peer.request()
    await peer.synchronised()
    assert (pool.statistics().waiting, server.connections) == (4, 1)
    peer.send(settings({MAX_STREAMS: 1000}))
    rest = await peer.requests(4)
    for request in (first, *rest):
        peer.answer(request.stream)
    assert [request.path for request in rest] == ["/1", "/2", "/3", "/4"]
    assert [(await task).status for task in sending] == [200] * 5
    assert server.connections == 1


async def test_a_peer_without_a_stream_limit(server: Server, send: Send) -> None:
    sending = [send() for _ in range(100)]
    peer = await server.accepted({})
    for request in await peer.requests(100):
        peer.answer(request.stream)
    await asyncio.gather(*sending)
    assert server.connections == 1


async def test_a_refused_connection_fails_at_once_whoever_waits_for_it(
    make_pool: MakePool, send: Send, closed_port: int, clock: ManualClock
) -> None:
    by = make_pool(port=closed_port)
    for task in [send(by=by) for _ in range(3)]:
        with pytest.raises(NotSent) as caught:
            await task
        assert caught.value.reason == "connect_failed"
    statistics = by.statistics()
    assert (statistics.open, statistics.connecting, statistics.waiting) == (0, 0, 0)


async def test_failed_connects_are_further_and_further_apart(
    make_pool: MakePool, send: Send, closed_port: int, clock: ManualClock
) -> None:
    by, starts = make_pool(port=closed_port), []
    for _ in range(400):
        task = send(by=by)
        await asyncio.sleep(0)
        if by.statistics().connecting:
            starts.append(clock.monotonic())
        with pytest.raises(NotSent):
            await task
        await clock.advance(0.25)
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert 6 <= len(pauses) <= 14
    assert max(pauses) <= 30.25
    assert pauses[-1] >= 15


async def fails_to_connect(server: Server, send: Send) -> None:
    sending = send()
    (await server.accepted(is_settled=False)).abort()
    with pytest.raises(NotSent):
        await sending


async def test_after_a_connection_that_has_served_the_next_failure_is_the_first_again(
    server: Server, pool: Pool, send: Send, clock: ManualClock
) -> None:
    for seconds in (1, 2, 4, 8):
        await fails_to_connect(server, send)
        await clock.advance(seconds)
    peer = await replaced(server, send)
    peer.abort()
    await until(lambda: not pool.statistics().open)
    await fails_to_connect(server, send)
    await clock.advance(0.1)
    await replaced(server, send)


async def test_a_failed_connect_does_not_fail_those_who_have_another_connection(
    server: Server, make_pool: MakePool, send: Send, clock: ManualClock
) -> None:
    by = make_pool(Limits(max_connections=2))
    sending = [send(f"/{number}", by=by) for number in range(3)]
    first = await server.accepted({MAX_STREAMS: 2})
    requests = await first.requests(2)
    (await server.accepted(is_settled=False)).abort()
    await until(lambda: not by.statistics().connecting)
    assert by.statistics().waiting == 1
    for request in requests:
        first.answer(request.stream)
    first.answer((await first.request()).stream)
    assert [(await task).status for task in sending] == [200] * 3


async def test_the_deadline_holds_while_connecting(server: Server, send: Send, clock: ManualClock) -> None:
    sending = send(timeout=1)
    peer = await server.accepted(is_settled=False)
    await clock.advance(1)
    with pytest.raises(NotSent) as caught:
        await sending
    assert caught.value.reason == "deadline"
    peer.send(settings({}))
    await served(server, send, peer)


async def test_a_name_that_does_not_exist(client_tls, clock: ManualClock) -> None:
    for host in ("name.invalid", "x" * 64 + ".invalid"):
        pool = Pool(Origin(host), client_tls, clock=clock)
        with pytest.raises(NotSent) as caught:
            await pool.send(a_request(), timeout=10)
        assert caught.value.reason == "dns_failed"
        await pool.aclose()


async def test_closing_waits_for_answers_as_long_as_it_was_told(server: Server, pool: Pool, send: Send) -> None:
    answered, waiting = send("/answered"), send("/waiting")
    peer = await server.accepted({MAX_STREAMS: 1})
    first = await peer.request()
    closing = asyncio.create_task(pool.aclose(5))
    with pytest.raises(NotSent) as caught:
        await waiting
    assert caught.value.reason == "closed"
    with pytest.raises(NotSent) as caught:
        await send("/new")
    assert caught.value.reason == "closed"
    peer.answer(first.stream)
    assert (await answered).status == 200
    assert (await peer.closed())[-1].kind == GOAWAY
    await closing
    assert pool.statistics().open == 0


async def test_what_is_still_open_after_the_grace_is_unanswered(
    server: Server, pool: Pool, send: Send, clock: ManualClock
) -> None:
    sending = send(timeout=60)
    peer = await server.accepted()
    await peer.request()
    closing = asyncio.create_task(pool.aclose(5))
    await clock.advance(5)
    with pytest.raises(Unanswered) as caught:
        await sending
    assert caught.value.reason == "closed"
    await peer.closed()
    await closing


async def test_closing_while_connecting(server: Server, pool: Pool, send: Send) -> None:
    sending = send()
    await server.accepted(is_settled=False)
    await pool.aclose(5)
    with pytest.raises(NotSent) as caught:
        await sending
    assert caught.value.reason == "closed"
    await pool.aclose()


async def test_what_comes_back_untouched_while_closing_is_not_repeated(server: Server, pool: Pool, send: Send) -> None:
    sending = send()
    peer = await server.accepted()
    first = await peer.request()
    closing = asyncio.create_task(pool.aclose(5))
    await asyncio.sleep(0)
    peer.send(reset(first.stream, 7))
    with pytest.raises(NotSent) as caught:
        await sending
    assert caught.value.reason == "refused_stream"
    await peer.closed()
    await closing


async def test_a_retry_nobody_waits_for_any_more_is_none(server: Server, pool: Pool, send: Send) -> None:
    sending, other = send("/first"), send("/other")
    peer = await server.accepted({MAX_STREAMS: 100, INITIAL_WINDOW: 65_535})
    await peer.requests(2)
    sending.cancel()
    peer.send(goaway(0))
    successor = await server.accepted()
    again = await successor.request()
    assert again.path == "/other"
    successor.answer(again.stream)
    assert (await other).status == 200


async def test_after_all_this_a_pool_still_works(server: Server, pool: Pool, send: Send) -> None:
    peer = await replaced(server, send)
    peer.abort()
    await until(lambda: not pool.statistics().open)
    await replaced(server, send)
