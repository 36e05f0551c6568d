"""Windows for what we send: bodies go as far as both allow, and no further."""

import pytest

from gateway.http2 import Pool, Unanswered
from tests.clock import ManualClock
from tests.http2.conftest import Send, served
from tests.http2.scripted import DATA, GOAWAY, HEADERS, INITIAL_WINDOW, RST_STREAM, Peer, Server, settings, window


def sent(peer: Peer, stream: int | None = None) -> int:
    return sum(len(read.payload) for read in peer.frames if read.kind == DATA and stream in (None, read.stream))


async def test_a_body_larger_than_the_stream_window_waits_for_more(server: Server, send: Send) -> None:
    sending = send(body=b"x" * 250)
    peer = await server.accepted({INITIAL_WINDOW: 100})
    await peer.until(DATA)
    await peer.synchronised()
    assert sent(peer) == 100
    peer.send(window(1, 100))
    await peer.synchronised()
    assert sent(peer) == 200
    peer.send(window(1, 100))
    peer.answer((await peer.request()).stream)
    assert sent(peer) == 250
    assert (await sending).status == 200


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


async def test_the_initial_window_changes_mid_flight_even_below_nothing(server: Server, send: Send) -> None:
    sending = send(body=b"x" * 150)
    peer = await server.accepted({INITIAL_WINDOW: 100})
    await peer.until(DATA)
    await peer.synchronised()
    peer.send(settings({INITIAL_WINDOW: 20}), window(1, 80))
    await peer.synchronised()
    assert sent(peer) == 100, "the window is 0 now, after it was -80"
    peer.send(window(1, 10))
    await peer.synchronised()
    assert sent(peer) == 110
    peer.send(settings({INITIAL_WINDOW: 60}))
    peer.answer((await peer.request()).stream)
    assert (await sending).status == 200


async def test_the_deadline_holds_for_window(server: Server, pool: Pool, send: Send, clock: ManualClock) -> None:
    sending = send(body=b"x" * 50, timeout=3)
    peer = await server.accepted({INITIAL_WINDOW: 0})
    await peer.until(HEADERS)
    await clock.advance(3)
    with pytest.raises(Unanswered) as caught:
        await sending
    assert caught.value.reason == "deadline"
    assert (await peer.until(RST_STREAM)).stream == 1
    peer.send(settings({INITIAL_WINDOW: 1000}), window(1, 100), window(0, 100))
    await peer.synchronised()
    assert sent(peer) == 0
    assert pool.statistics().in_flight == 0


async def test_cancelling_while_waiting_for_window_sends_no_more(server: Server, send: Send) -> None:
    sending = send(body=b"x" * 100_000)
    peer = await server.accepted()
    await peer.until(DATA)
    sending.cancel()
    await peer.until(RST_STREAM)
    peer.send(window(1, 100_000))
    await served(server, send, peer, window=100_000)
    assert sent(peer, 1) == 65_535


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (window(0, 0), 1),
        (window(0, 2**31 - 1), 3),
        (settings({INITIAL_WINDOW: 2**31}), 3),
        (window(1, 2**31 - 1 - 65_535) + settings({INITIAL_WINDOW: 2**31 - 1}), 3),
    ],
)
async def test_windows_that_none_can_be_end_the_connection(
    server: Server, send: Send, octets: bytes, code: int
) -> None:
    sending = send(body=b"")
    peer = await server.accepted()
    await peer.request()
    peer.send(octets)
    with pytest.raises(Unanswered) as caught:
        await sending
    assert caught.value.reason == "protocol_error"
    assert (await peer.until(GOAWAY)).goaway_code == code
