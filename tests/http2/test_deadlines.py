"""Many deadlines, few timers."""

import asyncio

import pytest

from gateway.http2.deadlines import PER_SECOND, Deadlines
from gateway.http2.stream import Call
from tests.clock import ManualClock
from tests.http2.conftest import a_request

TICK = 1 / PER_SECOND


def call() -> Call:
    return Call(a_request(), asyncio.get_running_loop().create_future())


@pytest.fixture
def expired() -> list[Call]:
    return []


@pytest.fixture
def deadlines(clock: ManualClock, expired: list[Call]) -> Deadlines:
    return Deadlines(clock, expired.extend)


@pytest.mark.parametrize("seconds", [0.001, 1 / 3, 1.0, 2.7, 10.0])
async def test_nothing_expires_early_and_nothing_more_than_a_tick_late(
    deadlines: Deadlines, expired: list[Call], clock: ManualClock, seconds: float
) -> None:
    due = call()
    deadlines.add(due, clock.monotonic() + seconds)
    await clock.advance(max(0.0, seconds - TICK / 100))
    assert expired == []
    await clock.advance(TICK + TICK / 50)
    assert expired == [due]


async def test_what_was_removed_does_not_expire(deadlines: Deadlines, expired: list[Call], clock: ManualClock) -> None:
    one, other = call(), call()
    for each in (one, other):
        deadlines.add(each, clock.monotonic() + 1)
    deadlines.remove(one)
    deadlines.remove(one)
    await clock.advance(1)
    assert expired == [other]


async def test_those_that_come_due_together_share_a_timer(deadlines: Deadlines, clock: ManualClock) -> None:
    for number in range(1000):
        deadlines.add(call(), clock.monotonic() + 1 + number * TICK / 1000)
    assert clock.pending == 2


async def test_moments_at_which_nothing_comes_due_any_more_are_forgotten(
    deadlines: Deadlines, clock: ManualClock
) -> None:
    for number in range(100):
        calls = [call() for _ in range(3)]
        for each in calls:
            deadlines.add(each, clock.monotonic() + 10)
        if number % 2:
            await clock.advance(TICK)
        for each in calls:
            deadlines.remove(each)
        await clock.advance(TICK)
    assert clock.pending == 1


async def test_after_the_end_nothing_expires(deadlines: Deadlines, expired: list[Call], clock: ManualClock) -> None:
    deadlines.add(call(), clock.monotonic() + 1)
    deadlines.stop()
    assert clock.pending == 0
    await clock.advance(2)
    assert expired == []
