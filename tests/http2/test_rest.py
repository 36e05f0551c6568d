"""When a connection gets nothing new for a while: after a refusal, in doubt, and how that ends."""

import pytest

from gateway.http2 import Limits, NotSent, Unanswered
from tests.clock import ManualClock
from tests.http2.conftest import MakePool, Send
from tests.http2.scripted import ACK, HEADERS, MAX_STREAMS, PING, SETTINGS, Server, goaway, reset, settings, window

REFUSED = 7


async def test_window_does_not_end_the_rest_after_a_refusal(
    server: Server, make_pool: MakePool, send: Send, clock: ManualClock
) -> None:
    """Servers give back the window of a body that they have refused."""
    sending = send(by=make_pool(Limits(max_connections=1)))
    peer = await server.accepted()
    peer.send(reset((await peer.request()).stream, REFUSED), window(0, 2))
    for _ in range(2):
        await peer.synchronised()
    assert sum(read.kind == HEADERS for read in peer.frames) == 1
    await clock.advance(0.1)
    peer.answer((await peer.request()).stream)
    assert (await sending).status == 200


async def test_who_waits_for_a_connection_that_falls_silent_gets_another(
    server: Server, send: Send, clock: ManualClock
) -> None:
    first, second = send("/first"), send("/second")
    peer = await server.accepted({MAX_STREAMS: 1})
    peer.is_alive = False
    await peer.request()
    await clock.advance(2)
    other = await server.accepted()
    request = await other.request()
    assert request.path == "/second"
    other.answer(request.stream)
    assert (await second).status == 200
    peer.answer(1)
    assert (await first).status == 200


async def test_overdue_requests_on_a_peer_that_lives_ask_it_seldom(
    server: Server, send: Send, clock: ManualClock
) -> None:
    peer = None
    for number in range(6):
        sending = send(f"/{number}", timeout=1)
        peer = peer or await server.accepted()
        await peer.until(HEADERS)
        await clock.advance(1)
        with pytest.raises(Unanswered):
            await sending
        if not number:
            await peer.until(PING)
        await peer.synchronised()
    assert sum(read.kind == PING and not read.flags & ACK for read in peer.frames) == 1


async def test_a_peer_that_talks_and_answers_nothing_is_given_up(
    server: Server, make_pool: MakePool, send: Send, clock: ManualClock
) -> None:
    by = make_pool(Limits(max_connections=1))
    overdue = send("/overdue", by=by, timeout=2)
    peer = await server.accepted()
    peer.is_alive = False
    await peer.request()
    await clock.advance(2)
    with pytest.raises(Unanswered):
        await overdue
    await peer.until(PING)
    await clock.advance(3)
    peer.send(settings({}))
    await peer.until(SETTINGS, ACK)
    await clock.advance(2)
    sending = send("/next", by=by)
    other = await server.accepted()
    other.answer((await other.request()).stream)
    assert (await sending).status == 200


@pytest.mark.parametrize("is_together", [True, False])
async def test_a_goodbye_right_behind_the_first_settings_is_one_like_any_other(
    server: Server, send: Send, clock: ManualClock, is_together: bool
) -> None:
    sending = send()
    peer = await server.accepted(is_settled=False)
    peer.send(settings({MAX_STREAMS: 100}), *([goaway(0)] if is_together else []))
    if not is_together:
        await peer.until(SETTINGS, ACK)
        await peer.until(HEADERS)
        peer.send(goaway(0))
    other = await server.accepted()
    other.answer((await other.request()).stream)
    assert (await sending).status == 200


async def test_a_peer_that_says_nothing_but_goodbye_is_waited_for_a_little(
    server: Server, send: Send, clock: ManualClock
) -> None:
    sending = send(timeout=60)
    while not sending.done():
        (await server.accepted(is_settled=False)).send(goaway(0, 2, b'{"reason":"BadCertificate"}'))
        await clock.advance(2)
    with pytest.raises(NotSent) as caught:
        await sending
    assert caught.value.reason == "goaway"
