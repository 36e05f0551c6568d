"""What becomes of single requests: refusals, deadlines, cancellation, and requests out of the ordinary."""

import asyncio

import pytest

from gateway.http2 import NotSent, Pool, Unanswered
from tests.clock import ManualClock
from tests.http2.conftest import MakePool, Send, served
from tests.http2.scripted import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    HEADERS,
    MAX_STREAMS,
    RST_STREAM,
    SETTINGS,
    Server,
    frame,
    reset,
    settings,
)

REFUSED, CANCEL = 7, 8


async def test_refused_streams_keep_their_order_behind_a_limit_of_one(server: Server, send: Send) -> None:
    """Apple lowers the limit to 1 after a rejected push, refuses what is in flight, and raises it after a success."""
    sending = [send(f"/{number}") for number in range(5)]
    peer = await server.accepted()
    requests = await peer.requests(5)
    peer.send(settings({MAX_STREAMS: 1}), *[reset(request.stream, REFUSED) for request in requests])
    await peer.synchronised()
    peer.send(settings({MAX_STREAMS: 1}))
    first = await peer.request()
    peer.answer(first.stream, 200)
    second = await peer.request()
    peer.send(settings({MAX_STREAMS: 100}))
    rest = await peer.requests(3)
    for request in (second, *rest):
        peer.answer(request.stream, 200)
    assert [request.path for request in (first, second, *rest)] == [f"/{number}" for number in range(5)]
    assert [(await task).status for task in sending] == [200] * 5
    assert server.connections == 1


async def test_a_peer_that_always_refuses_is_not_asked_for_ever(
    server: Server, pool: Pool, send: Send, clock: ManualClock
) -> None:
    sending = send(timeout=60)
    peer = await server.accepted()
    for _ in range(5):
        peer.send(reset((await peer.request()).stream, REFUSED))
        await peer.synchronised()
        await clock.advance(0.1)
    with pytest.raises(NotSent) as caught:
        await sending
    assert caught.value.reason == "refused_stream"
    assert pool.statistics().retries == 4
    await served(server, send, peer)


async def test_the_deadline_holds_for_a_request_that_keeps_being_refused(
    server: Server, send: Send, clock: ManualClock
) -> None:
    sending = send(timeout=1 / 16)
    peer = await server.accepted()
    peer.send(reset((await peer.request()).stream, REFUSED))
    await peer.synchronised()
    await clock.advance(1 / 16)
    with pytest.raises(NotSent) as caught:
        await sending
    assert caught.value.reason == "deadline"
    await clock.advance(1)
    await served(server, send, peer)


async def test_the_deadline_holds_for_an_answer_that_has_begun(server: Server, send: Send, clock: ManualClock) -> None:
    sending = send(timeout=3)
    peer = await server.accepted()
    request = await peer.request()
    peer.send(frame(HEADERS, END_HEADERS, request.stream, peer.block()), frame(DATA, 0, request.stream, b"begun"))
    await peer.synchronised()
    await clock.advance(3)
    with pytest.raises(Unanswered):
        await sending
    await served(server, send, peer)


async def test_the_deadline_holds_in_the_line_for_a_stream(
    server: Server, pool: Pool, send: Send, clock: ManualClock
) -> None:
    first = send("/first", timeout=10)
    peer = await server.accepted({MAX_STREAMS: 1})
    request = await peer.request()
    second = send("/second", timeout=1)
    await clock.advance(1)
    with pytest.raises(NotSent) as caught:
        await second
    assert caught.value.reason == "deadline"
    assert pool.statistics().waiting == 0
    peer.answer(request.stream)
    assert (await first).status == 200
    await served(server, send, peer)


async def test_no_time_at_all_is_a_deadline(pool: Pool, send: Send) -> None:
    with pytest.raises(NotSent) as caught:
        await send(timeout=0)
    assert caught.value.reason == "deadline"


async def test_cancelling_resets_the_stream_and_gives_its_slot_back(server: Server, pool: Pool, send: Send) -> None:
    first = send("/first")
    peer = await server.accepted({MAX_STREAMS: 1})
    request = await peer.request()
    second = send("/second")
    await asyncio.sleep(0)
    assert (pool.statistics().in_flight, pool.statistics().waiting) == (1, 1)
    first.cancel()
    refusal = await peer.until(RST_STREAM)
    assert (refusal.stream, refusal.number) == (request.stream, CANCEL)
    peer.answer((await peer.request()).stream)
    assert (await second).status == 200
    assert first.cancelled()


async def test_cancelling_in_the_line_leaves_nothing_behind(server: Server, pool: Pool, send: Send) -> None:
    first = send("/first")
    peer = await server.accepted({MAX_STREAMS: 1})
    request = await peer.request()
    waiting = [send(f"/{number}") for number in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert pool.statistics().waiting == 2
    peer.answer(request.stream)
    for task, path in ((waiting[0], "/0"), (waiting[2], "/2")):
        request = await peer.request()
        assert request.path == path
        peer.answer(request.stream)
        assert (await task).status == 200
    assert (await first).status == 200


async def test_what_cannot_be_a_header_is_not_sent(server: Server, pool: Pool, send: Send) -> None:
    bad, good = send("/\r\nx: y"), send("/good")
    peer = await server.accepted()
    with pytest.raises(NotSent) as caught:
        await bad
    assert caught.value.reason == "invalid_request"
    request = await peer.request()
    assert (request.stream, request.path) == (1, "/good")
    peer.answer(request.stream)
    assert (await good).status == 200


async def test_large_headers_go_in_several_frames(server: Server, send: Send) -> None:
    sending = send("/" + "x" * 20_000)
    peer = await server.accepted()
    request = await peer.request()
    assert len(request.path) == 20_001
    assert sum(read.kind == CONTINUATION for read in peer.frames) == 2
    peer.answer(request.stream)
    assert (await sending).status == 200


async def test_peers_that_allow_larger_frames_get_them(server: Server, send: Send) -> None:
    sending = send("/" + "x" * 20_000, b"y" * 30_000)
    peer = await server.accepted({5: 50_000})
    request = await peer.request()
    assert [read.kind for read in peer.frames if read.kind != SETTINGS] == [HEADERS, DATA]
    peer.answer(request.stream)
    assert (await sending).status == 200


async def test_a_peer_without_a_header_table(server: Server, send: Send) -> None:
    first = send("/first")
    peer = await server.accepted({1: 0})
    peer.answer((await peer.request()).stream)
    assert (await first).status == 200
    peer.send(settings({1: 4096}))
    await peer.synchronised()
    await served(server, send, peer)


async def test_a_full_line_takes_no_more(server: Server, make_pool: MakePool, send: Send) -> None:
    from gateway.http2 import Limits

    by = make_pool(Limits(max_waiting=2))
    waiting = [send(f"/{number}", by=by) for number in range(3)]
    with pytest.raises(NotSent) as caught:
        await waiting[2]
    assert caught.value.reason == "queue_full"
    peer = await server.accepted()
    for request in await peer.requests(2):
        peer.answer(request.stream)
    assert [(await task).status for task in waiting[:2]] == [200, 200]
