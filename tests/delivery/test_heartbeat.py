"""A gateway's heartbeat, and what it knows of the others."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from gateway.delivery.follower import Follower
from gateway.delivery.heartbeat import BEAT_SECONDS, KEPT_SECONDS, Pulse
from gateway.model.heartbeat import LIVE_SECONDS, Heartbeat
from gateway.store.sqlite import SqliteStore
from gateway.store.sqlite_heartbeats import SqliteHeartbeats
from tests.clock import ManualClock
from tests.delivery.conftest import VAULT, Execute
from tests.heartbeats import heartbeat

Until = Callable[[Callable[[], object]], Any]


@pytest.fixture
def pulse(store: SqliteStore, follower: Follower, clock: ManualClock) -> Pulse:
    return Pulse(store.heartbeats, VAULT, follower, clock, "1.2.3")


@pytest.fixture
async def beating(pulse: Pulse, clock: ManualClock) -> AsyncIterator[Pulse]:
    """A pulse that has beaten once."""
    task = asyncio.create_task(pulse.run())
    await clock.next_timer()
    yield pulse
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_beat_tells_all_that_others_need(
    beating: Pulse, follower: Follower, store: SqliteStore, clock: ManualClock, until: Until
) -> None:
    started_at = clock.now()
    (first,) = await store.heartbeats.since(0.0)
    assert (first.host, first.pid, first.version) == (socket.gethostname(), os.getpid(), "1.2.3")
    assert (first.started_at, first.at, first.keys) == (started_at, started_at, VAULT.fingerprints)
    assert first.revision is None
    await follower.check()
    await clock.advance(BEAT_SECONDS)
    await until(lambda: beating.gateways[0].at > started_at)
    (second,) = await store.heartbeats.since(0.0)
    assert second == msgspec.structs.replace(first, at=started_at + BEAT_SECONDS, revision=await store.revision())


async def test_two_in_one_process_are_two(beating: Pulse, store: SqliteStore, follower: Follower) -> None:
    other = Pulse(store.heartbeats, VAULT, follower, ManualClock(), "1.2.3")
    task = asyncio.create_task(other.run())
    async with asyncio.timeout(10):
        while len(other.gateways) < 2:  # noqa: ASYNC110 - the store's thread gives no event
            await asyncio.sleep(0)
    task.cancel()


async def test_those_that_beat_lately_count(
    beating: Pulse, store: SqliteStore, clock: ManualClock, until: Until
) -> None:
    for key, age in (("a", LIVE_SECONDS - BEAT_SECONDS - 0.1), ("b", LIVE_SECONDS - BEAT_SECONDS), ("c", 3600.0)):
        await store.heartbeats.beat(heartbeat(key, at=clock.now() - age))
    assert beating.live == 1
    await clock.advance(BEAT_SECONDS)
    await until(lambda: len(beating.gateways) == 4)
    assert beating.live == 2
    await clock.advance(0.1)
    assert beating.live == 1


async def test_who_is_silent_for_a_day_is_forgotten(
    beating: Pulse, store: SqliteStore, clock: ManualClock, until: Until
) -> None:
    for key, age in (("old", KEPT_SECONDS), ("young", KEPT_SECONDS - BEAT_SECONDS)):
        await store.heartbeats.beat(heartbeat(key, at=clock.now() - age))
    waiting = asyncio.create_task(clock.next_timer())
    await clock.advance(BEAT_SECONDS)
    await waiting
    assert [one.id for one in await store.heartbeats.since(0.0) if one.pid == 77] == ["young"]
    assert [one.id for one in beating.gateways if one.pid == 77] == ["young"]


async def test_who_ends_leaves(beating: Pulse, store: SqliteStore) -> None:
    await store.heartbeats.beat(heartbeat("other"))
    await beating.leave()
    assert [one.id for one in await store.heartbeats.since(0.0)] == ["other"]


async def test_while_the_store_is_in_trouble_it_says_nothing_and_goes_on(
    beating: Pulse, store: SqliteStore, execute: Execute, clock: ManualClock, until: Until
) -> None:
    await execute("ALTER TABLE heartbeats RENAME TO lost")
    with capture_logs() as logs:
        for _ in range(3):
            waiting = asyncio.create_task(clock.next_timer())
            await clock.advance(BEAT_SECONDS)
            await waiting
        await beating.leave()
    assert logs == []
    await execute("ALTER TABLE lost RENAME TO heartbeats")
    await clock.advance(BEAT_SECONDS)
    await until(lambda: beating.gateways[0].at == clock.now())


async def test_a_fault_of_ours_is_told_and_does_not_end_it(
    store: SqliteStore, follower: Follower, clock: ManualClock, until: Until
) -> None:
    class Faulty(SqliteHeartbeats):
        """Fails once as no store should."""

        faults = 1

        async def since(self, at: float) -> list[Heartbeat]:
            if self.faults:
                self.faults = 0
                raise ValueError("hour of the bug")
            return await store.heartbeats.since(at)

    pulse = Pulse(Faulty(store._run), VAULT, follower, clock, "1.2.3")
    with capture_logs() as logs:
        task = asyncio.create_task(pulse.run())
        await clock.next_timer()
        await clock.advance(BEAT_SECONDS)
        await until(lambda: pulse.gateways)
    task.cancel()
    assert [entry["event"] for entry in logs] == ["heartbeat_failed"]


async def test_a_store_that_does_not_answer_holds_nobody_up_at_the_end(
    beating: Pulse, store: SqliteStore, clock: ManualClock
) -> None:
    await store.close()
    await beating.leave()
