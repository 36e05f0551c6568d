"""Windows for what we send: bodies go as far as both allow, and no further."""

import asyncio

import pytest

from gateway.http2 import Unanswered
from tests.http2.conftest import Send, replaced, served
from tests.http2.scripted import DATA, HEADERS, INITIAL_WINDOW, PING, RST_STREAM, Peer, Server, frame, settings, window


def sent(peer: Peer, stream: int | None = None) -> int:
    return sum(len(read.payload) for read in peer.frames if read.kind == DATA and stream in (None, read.stream))


async def test_bodies_larger_than_the_connection_window_wait_in_their_order(server: Server, send: Send) -> None:
    sending = [send(f"/{number}", b"x" * 40_000) for number in range(3)]
    peer = await server.accepted()
    first = await peer.request()
    await peer.synchronised()
    assert (sent(peer, 1), sent(peer, 3), sent(peer, 5)) == (40_000, 25_535, 0)
    peer.send(window(0, 100_000))
    rest = await peer.requests(2)
    assert [request.stream for request in rest] == [3, 5]
    for request in (first, *rest):
        peer.answer(request.stream)
    assert [(await task).status for task in sending] == [200] * 3


async def test_a_stream_without_window_does_not_hold_up_the_others(server: Server, send: Send) -> None:
    stuck = send("/stuck", b"x" * 50)
    peer = await server.accepted({INITIAL_WINDOW: 10})
    await peer.until(DATA)
    quick = send("/quick", b"x" * 5)
    request = await peer.request()
    assert request.path == "/quick"
    peer.answer(request.stream)
    assert (await quick).status == 200
    peer.send(window(1, 40))
    peer.answer((await peer.request()).stream)
    assert (await stuck).status == 200


async def test_cancelling_while_waiting_for_window_sends_no_more(server: Server, send: Send) -> None:
    sending = send(body=b"x" * 100_000)
    peer = await server.accepted()
    await peer.until(DATA)
    sending.cancel()
    await peer.until(RST_STREAM)
    peer.send(window(1, 100_000))
    await served(server, send, peer, window=100_000)
    assert sent(peer, 1) == 65_535


@pytest.mark.parametrize("asked", [frame(PING, payload=bytes(8)), settings({})], ids=["PING", "SETTINGS"])
async def test_a_peer_that_asks_much_and_reads_nothing_is_let_go(server: Server, send: Send, asked: bytes) -> None:
    sending = send(body=bytes(40_000_000))
    peer = await server.accepted()
    await peer.until(HEADERS)
    peer.send(settings({INITIAL_WINDOW: 1 << 30}), window(0, 1 << 30))
    while not sending.done():
        peer.send(asked * 500)
        await asyncio.sleep(0)
    with pytest.raises(Unanswered) as caught:
        await sending
    assert caught.value.reason == "protocol_error"
    await replaced(server, send)
