"""Closing a pool, at whatever moment, leaves nothing behind."""

import asyncio

import pytest

from gateway.http2 import Http2Error, Unanswered
from tests.clock import ManualClock
from tests.http2.conftest import MakePool, Send
from tests.http2.scripted import MAX_STREAMS, Server


async def test_closing_at_any_turn_of_the_loop_leaves_no_connection(
    server: Server, make_pool: MakePool, send: Send, clock: ManualClock
) -> None:
    """A connection that is just made when its pool closes would live as long as the peer lets it."""
    for turns in range(150):
        pool = make_pool()
        sending = send(by=pool)
        await asyncio.wait((asyncio.ensure_future(server.accepted()), sending), return_when="FIRST_COMPLETED")
        for _ in range(turns % 30):
            await asyncio.sleep(0)
        await pool.aclose()
        with pytest.raises(Http2Error):
            await sending
        assert clock.pending == 0


async def test_connections_that_have_answered_nothing_leave_no_timer_when_they_are_closed(
    server: Server, make_pool: MakePool, send: Send, clock: ManualClock
) -> None:
    pool = make_pool()
    sending = [send(f"/{number}", by=pool) for number in range(3)]
    for count in (2, 1):
        await (await server.accepted({MAX_STREAMS: 2})).requests(count)
    await pool.aclose()
    for task in sending:
        with pytest.raises(Unanswered):
            await task
    assert clock.pending == 0
