import asyncio
import time

from gateway.model.clock import SystemClock


async def test_it_tells_the_systems_time() -> None:
    clock = SystemClock()
    before, monotonic_before = time.time(), time.monotonic()
    assert before <= clock.now() <= time.time()
    assert monotonic_before <= clock.monotonic() <= time.monotonic()


async def test_a_callback_runs_once_its_time_has_come() -> None:
    clock, ran = SystemClock(), asyncio.Event()
    started = clock.monotonic()
    clock.call_later(0.02, ran.set)
    assert not ran.is_set()
    await asyncio.wait_for(ran.wait(), 5)
    assert clock.monotonic() - started >= 0.019


async def test_callbacks_run_in_the_order_of_their_times_and_cancelled_ones_not_at_all() -> None:
    clock, ran, last = SystemClock(), [], asyncio.Event()
    clock.call_later(0.02, last.set)
    clock.call_later(0.01, lambda: ran.append("second"))
    clock.call_later(0.005, lambda: ran.append("cancelled")).cancel()
    timer = clock.call_later(0, lambda: ran.append("first"))
    await asyncio.wait_for(last.wait(), 5)
    timer.cancel()
    assert ran == ["first", "second"]


async def test_sleeping_lets_time_and_others_pass() -> None:
    clock, order = SystemClock(), []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        order.append(name)

    started = clock.monotonic()
    await asyncio.gather(sleeper("long", 0.02), sleeper("none", 0), sleeper("less than none", -1))
    assert order == ["none", "less than none", "long"]
    assert clock.monotonic() - started >= 0.019
