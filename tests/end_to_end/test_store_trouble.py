"""The store goes away and comes back while pushes go on."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from gateway.app import following
from gateway.config import DeliverySettings
from gateway.delivery.doubts import OPEN_SECONDS
from gateway.delivery.outbox import LEASE_SECONDS, PUT_SECONDS, RENEW_SECONDS
from gateway.providers.simulator import Rule, Simulator
from tests.clock import ManualClock
from tests.end_to_end.running import IPHONE, Running, settings_of, start_gateway
from tests.end_to_end.still import Still

TABLES = ("meta", "outbox", "deliveries", "devices", "late_verdicts")


class Store:
    """The gateway's file, whose tables can be taken away as a failing disk would."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def goes(self) -> None:
        await asyncio.to_thread(self._rename, "", "lost_")

    async def returns(self) -> None:
        await asyncio.to_thread(self._rename, "lost_", "")

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Let writes wait while the block runs; then they are done."""
        connection = await asyncio.to_thread(sqlite3.connect, self._file, isolation_level=None, check_same_thread=False)
        await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
        try:
            yield
        finally:
            await asyncio.to_thread(connection.close)

    def _rename(self, old: str, new: str) -> None:
        with closing(sqlite3.connect(self._file)) as connection:
            connection.execute("PRAGMA legacy_alter_table = ON")
            for table in TABLES:
                connection.execute(f"ALTER TABLE {old}{table} RENAME TO {new}{table}")


@pytest.fixture
async def still(simulator: Simulator, until: Callable[..., Any]) -> AsyncIterator[Still]:
    async with AsyncExitStack() as cleanup:
        still = await started(simulator, cleanup, until)
        await still.running.register()
        await still.running.prove()
        yield still
        simulator.set_rules([])


async def started(simulator: Simulator, cleanup: AsyncExitStack, until: Callable[..., Any]) -> Still:
    settings = await asyncio.to_thread(settings_of, simulator, DeliverySettings())
    clock = ManualClock(time.time())
    running: Running = await start_gateway(simulator, cleanup, settings, clock)
    return Still(running, clock, until)


@pytest.fixture
def store(data: Path) -> Store:
    return Store(data / "gateway.db")


async def test_pushes_go_out_without_the_store(still: Still, store: Store) -> None:
    await store.goes()
    assert (await still.push()).code == "delivered"
    await store.returns()
    assert [one.outcome for one in await still.log()][-1] == "delivered"


async def test_what_cannot_be_kept_is_the_servers_to_send_again(still: Still, store: Store) -> None:
    await store.goes()
    still.simulator.set_rules([Rule(status=503)])
    refused = await still.push()
    assert (refused.status, refused.code) == (503, "apns_service_unavailable")
    await store.returns()
    assert (await still.push()).status == 200


async def test_what_cannot_be_kept_while_a_provider_rests_is_told_so(still: Still, store: Store) -> None:
    still.simulator.set_rules([Rule(status=503)])
    await still.rest()
    await store.goes()
    refused = await still.push()
    assert (refused.status, refused.code) == (503, "store_unavailable")
    await store.returns()
    assert (await still.push()).code == "stored_resting"


async def test_without_the_store_a_push_goes_out_of_turn_rather_than_not_at_all(still: Still, store: Store) -> None:
    still.simulator.set_rules([Rule(status=503, times=1)])
    assert (await still.push()).code == "stored_later"
    assert (await still.push(notId=8)).code == "stored_in_line"
    await store.goes()
    assert (await still.push(notId=9)).code == "delivered"
    await store.returns()


async def test_the_work_goes_on_when_the_store_is_back(still: Still, store: Store) -> None:
    still.simulator.set_rules([Rule(status=503, times=1)])
    await still.push()
    await store.goes()
    for _ in range(20):
        await still.clock.advance(1)
        await asyncio.sleep(0.005)
    assert len(still.simulator.received) == 1
    await store.returns()
    await still.empty()
    assert [entry.status for entry in still.simulator.received] == [503, 200]


async def test_what_was_sent_while_the_store_was_away_is_not_sent_again(still: Still, store: Store) -> None:
    still.simulator.set_rules([Rule(delay_ms=300, times=1)])
    pushed = asyncio.create_task(still.push())
    await still.asked()
    await still.clock.advance(0.6)
    assert (await pushed).code == "stored_slow"
    await store.goes()
    await still.asked(0)
    for _ in range(5):
        await still.clock.advance(1)
        await asyncio.sleep(0.05)
    await store.returns()
    await still.empty()
    await still.clock.advance(30)
    assert len(still.simulator.received) == 1
    assert [one.outcome for one in await still.log()][-1] == "delivered"


async def test_what_the_store_took_too_late_is_not_sent_again_once_it_is_delivered(still: Still, store: Store) -> None:
    still.simulator.set_rules([Rule(delay_ms=200, times=1)])
    async with store.locked():
        pushed = asyncio.create_task(still.push())
        await still.asked()
        await still.clock.advance(0.6)
        await still.clock.advance(PUT_SECONDS)
        assert (await pushed).code == "delivered"
    outbox = still.running.gateway.store.outbox
    assert (await outbox.count()).total == 1
    for _ in range(30):
        await still.clock.advance(1)
        await asyncio.sleep(0.01)
    assert len(still.simulator.received) == 1
    assert (await outbox.count()).total == 0


async def test_a_late_verdict_that_nobody_can_take_is_told_later(still: Still, store: Store) -> None:
    still.simulator.set_rules([Rule(status=503, times=1), Rule(status=404, reason="UNREGISTERED", times=1)])
    android = "fcmtok:APA91b_late"
    await still.push(android)
    await still.received(2)
    await still.empty()
    await still.out_of_line(android)
    await still.clock.advance(2)
    await asyncio.sleep(0.05)
    await store.goes()
    assert (await still.push(android)).code == "delivered"
    await store.returns()
    assert (await still.push(android, notId=8)).code == "fcm_unregistered"


async def test_readyz_and_metrics_tell_and_keep_no_push_away(still: Still, store: Store) -> None:
    operator = still.running.operator_url
    follower = still.running.gateway.follower
    assert b"push_store_up 1.0" in (await still.running.get(f"{operator}/metrics")).body
    await store.goes()
    async with following(still.running.gateway):
        await still.passes(lambda: not follower.store_answers)
    ready = await still.running.get(f"{operator}/readyz")
    assert (ready.status, list(ready.document["troubles"])) == (200, ["store"])
    assert b"push_store_up 0.0" in (await still.running.get(f"{operator}/metrics")).body
    page = await still.running.get(f"{operator}/")
    assert b"the store does not answer" in page.body
    await store.returns()


async def test_a_gateway_that_stops_gives_its_work_back_at_once(
    simulator: Simulator, until: Callable[..., Any]
) -> None:
    async with AsyncExitStack() as cleanup:
        still = await started(simulator, cleanup, until)
        await still.running.register()
        await still.running.prove()
        still.simulator.set_rules([Rule(h2="silent")])
        pushed = asyncio.create_task(still.push())
        await until(lambda: still.simulator.received)
        await still.clock.advance(0.6)
        assert (await pushed).code == "stored_slow"
        stopping = asyncio.create_task(cleanup.aclose())
        async with asyncio.timeout(30):
            while not stopping.done():
                await still.clock.advance(0.5)
                await asyncio.sleep(0.005)
        await stopping
    simulator.set_rules([])
    async with AsyncExitStack() as cleanup:
        another = await started(simulator, cleanup, until)
        before = another.clock.now()
        await another.passes(lambda: len(simulator.received) == 2, step=0.02)
        assert another.clock.now() - before < LEASE_SECONDS - RENEW_SECONDS
        assert simulator.received[0].token == simulator.received[1].token == IPHONE
        await another.empty()


async def test_a_push_that_could_be_kept_at_last_is_owed(still: Still, store: Store, until: Callable[..., Any]) -> None:
    """The first time to keep it failed: nobody knew whether it was kept. That must not be held against it later."""
    still.simulator.set_rules([Rule(status=503, delay_ms=200, times=1), Rule(status=503, times=9)])
    await store.goes()
    pushed = asyncio.create_task(still.push())
    await asyncio.sleep(0.02)
    await still.clock.advance(0.6)
    await until(lambda: still.running.gateway.owed.outbox.in_flight == 0)
    await store.returns()
    answer = await pushed
    assert answer.code == "stored_later"
    await still.clock.advance(OPEN_SECONDS + 5)
    await asyncio.sleep(0.05)
    await still.clock.advance(5)
    still.simulator.set_rules([])
    await still.empty()
    last = (await still.log())[-1]
    assert (last.id, last.outcome) == (answer.headers["X-Request-Id"], "delivered")


def fill(connection: sqlite3.Connection) -> None:
    """Let SQLite say what it says when the disk is full."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")


async def test_a_full_disk_keeps_no_push_from_going_out(still: Still) -> None:
    connection = still.running.gateway.store._connection
    await asyncio.to_thread(fill, connection)
    still.simulator.set_rules([Rule(token_prefix="f", status=503)])
    refused = [await still.push(f"{'f' * 60}{number:04}", text="long " * 300) for number in range(9)]
    assert (refused[-1].status, refused[-1].code) == (503, "apns_service_unavailable")
    assert (await still.push()).code == "delivered"
    await asyncio.to_thread(connection.execute, "PRAGMA max_page_count = 1000000")
    assert (await still.push(f"{'f' * 60}{9999}")).status == 200
