"""Looks that are taken again and again."""

import asyncio

from structlog.testing import capture_logs

from gateway.delivery.looks import repeatedly
from tests.clock import ManualClock


async def test_a_fault_of_ours_ends_one_look_and_no_other(clock: ManualClock) -> None:
    looks: list[float] = []

    async def look() -> None:
        looks.append(clock.now())
        if len(looks) == 1:
            raise ZeroDivisionError

    started_at = clock.now()
    running = asyncio.create_task(repeatedly(look, 5.0, clock, "test"))
    with capture_logs() as logs:
        await clock.advance(10.0)
    assert looks == [started_at + 5.0, started_at + 10.0]
    assert [(one["event"], one["what"]) for one in logs] == [("look_failed", "test")]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
