"""The delivery log behind the answers: batches, outages, a full buffer, the retention."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.delivery.records import DeliveryLog
from gateway.delivery.write_behind import (
    BATCH,
    CAPACITY,
    FLUSH_SECONDS,
    RETRY_SECONDS,
    TIDY_BATCH,
    TIDY_SECONDS,
    WRITE_SECONDS,
)
from gateway.model.backlog import BacklogStatistics
from gateway.model.delivery import Delivery, DeliveryQuery
from gateway.store.port import Record
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.conftest import Execute
from tests.store.log import delivered

Until = Callable[[Callable[[], object]], Any]
RETENTION = 86_400.0
NOW = ManualClock().now()


class Ledger:
    """A store that remembers what it was given, and answers when the test lets it."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.removals: list[float] = []
        self.outdated = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.fault: Exception | None = None

    @property
    def given(self) -> list[str]:
        return [key for batch in self.batches for key in batch]

    async def add(self, records: Sequence[Record]) -> None:
        self.batches.append([record.id for record in records if isinstance(record, Delivery)])
        await self.may_answer.wait()
        if self.fault:
            raise self.fault

    async def remove_deliveries(self, before: float, limit: int) -> int:
        self.removals.append(before)
        removed = min(limit, self.outdated)
        self.outdated -= removed
        return removed


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
async def records(ledger: Ledger, clock: ManualClock) -> AsyncIterator[DeliveryLog]:
    """A log that is being written to the ledger."""
    async for log in running(DeliveryLog(ledger, clock, RETENTION)):
        yield log


@pytest.fixture
async def stored(store: SqliteStore, clock: ManualClock) -> AsyncIterator[DeliveryLog]:
    """A log that is being written to a file."""
    async for log in running(DeliveryLog(store, clock, RETENTION)):
        yield log


async def running(log: DeliveryLog) -> AsyncIterator[DeliveryLog]:
    task = asyncio.create_task(log.run())
    yield log
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def fill(log: DeliveryLog, count: int, first: int = 0) -> list[str]:
    keys = [f"{number:06d}" for number in range(first, first + count)]
    for key in keys:
        log.add(delivered(key, at=NOW))
    return keys


async def test_what_is_added_is_written_within_a_second_in_batches_and_in_order(
    records: DeliveryLog, ledger: Ledger, clock: ManualClock
) -> None:
    keys = fill(records, 2 * BATCH + 1)
    assert records.statistics() == BacklogStatistics(waiting=len(keys), written=0, dropped=0)
    await clock.advance(WRITE_SECONDS)
    assert [len(batch) for batch in ledger.batches] == [BATCH, BATCH, 1]
    assert ledger.given == keys
    assert records.statistics() == BacklogStatistics(waiting=0, written=len(keys), dropped=0)


async def test_where_nothing_waits_nothing_is_written(records: DeliveryLog, ledger: Ledger, clock: ManualClock) -> None:
    await clock.advance(10 * WRITE_SECONDS)
    assert ledger.batches == []


async def test_a_full_buffer_drops_the_oldest_and_counts_them(
    records: DeliveryLog, ledger: Ledger, clock: ManualClock
) -> None:
    keys = fill(records, CAPACITY + 7)
    assert records.statistics() == BacklogStatistics(waiting=CAPACITY, written=0, dropped=7)
    await clock.advance(WRITE_SECONDS)
    assert ledger.given == keys[7:]


async def test_while_the_store_is_slow_what_is_being_written_counts_and_is_not_dropped(
    records: DeliveryLog, ledger: Ledger, clock: ManualClock
) -> None:
    ledger.may_answer.clear()
    keys = fill(records, BATCH)
    await clock.advance(WRITE_SECONDS)
    keys += fill(records, CAPACITY, first=BATCH)
    assert records.statistics() == BacklogStatistics(waiting=CAPACITY, written=0, dropped=BATCH)
    ledger.may_answer.set()
    await clock.advance(WRITE_SECONDS)
    assert ledger.given == keys[:BATCH] + keys[2 * BATCH :]


async def test_an_outage_of_the_store_is_two_log_lines_and_loses_nothing(
    stored: DeliveryLog, store: SqliteStore, execute: Execute, clock: ManualClock, until: Until
) -> None:
    await execute("ALTER TABLE deliveries RENAME TO lost")
    keys = fill(stored, BATCH + 1)
    with capture_logs() as logs:
        await clock.advance(WRITE_SECONDS)
        await until(lambda: logs)
        for _ in range(3):
            await clock.advance(RETRY_SECONDS)
            await store.revision()
        assert [entry["event"] for entry in logs] == ["records_delayed"]
        assert "no such table: deliveries" in logs[0]["error"]
        assert stored.statistics() == BacklogStatistics(waiting=BATCH + 1, written=0, dropped=0)
        await execute("ALTER TABLE lost RENAME TO deliveries")
        await clock.advance(RETRY_SECONDS)
        await until(lambda: len(logs) == 2)
    assert logs[1]["event"] == "records_on_time"
    found = await store.deliveries(DeliveryQuery(oldest_first=True), None, 9999)
    assert [delivery.id for delivery in found] == keys
    assert stored.statistics() == BacklogStatistics(waiting=0, written=BATCH + 1, dropped=0)


async def test_a_fault_of_ours_loses_one_batch_and_the_log_goes_on(
    records: DeliveryLog, ledger: Ledger, clock: ManualClock
) -> None:
    ledger.fault = LookupError("hush-hush")
    keys = fill(records, BATCH + 1)
    with capture_logs() as logs:
        await clock.advance(WRITE_SECONDS)
    assert [(entry["event"], entry["what"], entry["lost"]) for entry in logs] == [
        ("records_not_written", "deliveries", BATCH)
    ]
    ledger.fault = None
    await clock.advance(WRITE_SECONDS)
    assert ledger.batches[-1] == keys[BATCH:]
    assert records.statistics() == BacklogStatistics(waiting=0, written=1, dropped=BATCH)


async def test_at_the_end_what_is_left_is_written_also_what_was_under_way(ledger: Ledger, clock: ManualClock) -> None:
    log = DeliveryLog(ledger, clock, RETENTION)
    keys = fill(log, BATCH + 1)
    ledger.may_answer.clear()
    task = asyncio.create_task(log.run())
    await clock.advance(WRITE_SECONDS)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    ledger.may_answer.set()
    await log.flush()
    assert ledger.batches == [keys[:BATCH], keys[:BATCH], keys[BATCH:]]
    assert log.statistics() == BacklogStatistics(waiting=0, written=BATCH + 1, dropped=0)


async def test_at_the_end_a_store_that_does_not_answer_is_not_waited_for(ledger: Ledger, clock: ManualClock) -> None:
    log = DeliveryLog(ledger, clock, RETENTION)
    fill(log, 3)
    ledger.may_answer.clear()
    with capture_logs() as logs:
        flushing = asyncio.create_task(log.flush())
        await clock.advance(FLUSH_SECONDS - 0.1)
        assert not flushing.done()
        await clock.advance(0.1)
        await flushing
    assert [(entry["event"], entry["what"], entry["lost"]) for entry in logs] == [("records_lost", "deliveries", 3)]
    assert log.statistics() == BacklogStatistics(waiting=0, written=0, dropped=3)


async def test_at_the_end_a_store_that_fails_is_told_with_its_words(store: SqliteStore, clock: ManualClock) -> None:
    log = DeliveryLog(store, clock, RETENTION)
    fill(log, 3)
    await store.close()
    with capture_logs() as logs:
        await log.flush()
    assert [(entry["lost"], entry["error"]) for entry in logs] == [(3, "the store is closed")]


async def test_what_is_older_than_the_retention_is_removed(
    stored: DeliveryLog, store: SqliteStore, clock: ManualClock
) -> None:
    edge = clock.now() + WRITE_SECONDS - RETENTION
    await store.add([delivered("old", at=edge - 0.1), delivered("young", at=edge + 0.1)])
    await clock.advance(WRITE_SECONDS)
    async with asyncio.timeout(10):
        while len(found := await store.deliveries(DeliveryQuery(), None, 9)) == 2:
            pass
    assert [delivery.id for delivery in found] == ["young"]


async def test_the_outdated_are_looked_for_now_and_then_and_removed_in_bounded_numbers(
    records: DeliveryLog, ledger: Ledger, clock: ManualClock
) -> None:
    ledger.outdated = 2 * TIDY_BATCH + 1
    await clock.advance(3 * WRITE_SECONDS)
    assert (len(ledger.removals), ledger.outdated) == (3, 0)
    assert ledger.removals[0] == clock.now() - 2 * WRITE_SECONDS - RETENTION
    await clock.advance(TIDY_SECONDS - 1)
    assert len(ledger.removals) == 3
    await clock.advance(1)
    assert len(ledger.removals) == 4
