"""Counts of the month, while the store comes and goes."""

import asyncio
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from gateway.delivery.usage import FLUSH_SECONDS, READ_SECONDS, UsageCounter
from gateway.model.errors import StoreError
from gateway.model.usage import Usage
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.store.used import used

NOVEMBER = 1_796_082_600.0
"""2026-11-30T23:50:00Z: the month is over in ten minutes."""
GONE = StoreError("the line is cut")


class Wire:
    """The way to the store's counts: cut before or behind the store, or held up."""

    def __init__(self, store: SqliteStore) -> None:
        self._usage = store.usage
        self.is_cut = False
        self.loses_answers = False
        self.writes = self.reads = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def count(self, usages: Sequence[Usage]) -> None:
        await self.may_answer.wait()
        if self.is_cut:
            raise GONE
        self.writes += 1
        await self._usage.count(usages)
        if self.loses_answers:
            raise GONE

    async def month(self, month: str) -> list[Usage]:
        if self.is_cut:
            raise GONE
        self.reads += 1
        return await self._usage.month(month)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOVEMBER)


@pytest.fixture
def wire(store: SqliteStore) -> Wire:
    return Wire(store)


@pytest.fixture
def counter(wire: Wire, clock: ManualClock) -> UsageCounter:
    return UsageCounter(wire, clock)


def delivers(counter: UsageCounter, times: int = 1) -> None:
    for _ in range(times):
        counter.count("acme", "chat", "delivered")


async def test_what_was_counted_is_added_to_what_others_have(counter: UsageCounter, store: SqliteStore) -> None:
    await store.usage.count([used("acme", 5), used("acme", 2, outcome="later")])
    delivers(counter, 2)
    counter.count("acme", None, "rejected")
    await counter.look()
    assert counter.of_workspace("acme") == counter.of_app("chat") == 7
    assert await store.usage.month("2026-11") == [
        used("acme", 1, app="", outcome="rejected"),
        used("acme", 7),
        used("acme", 2, outcome="later"),
    ]


async def test_what_came_while_it_was_read_counts_too(
    counter: UsageCounter, store: SqliteStore, clock: ManualClock
) -> None:
    await counter.look()
    await store.usage.count([used("acme", 5)])
    await clock.advance(READ_SECONDS)
    reading = asyncio.create_task(counter.look())
    await asyncio.sleep(0)
    delivers(counter)
    await reading
    assert counter.of_workspace("acme") == 6


async def test_counts_outlast_an_outage(
    counter: UsageCounter, wire: Wire, store: SqliteStore, clock: ManualClock
) -> None:
    wire.is_cut = True
    with capture_logs() as logs:
        await counter.look()
        for _ in range(5):
            delivers(counter)
            await counter.look()
    assert [entry["event"] for entry in logs] == ["usage_not_counted"]
    wire.is_cut = False
    await counter.look()
    await counter.look()
    assert await store.usage.month("2026-11") == [used("acme", 5)]
    assert counter.of_workspace("acme") == 5


async def test_what_may_have_been_added_is_not_added_again(
    counter: UsageCounter, wire: Wire, store: SqliteStore, clock: ManualClock
) -> None:
    wire.loses_answers = True
    delivers(counter, 3)
    with capture_logs() as logs:
        await counter.look()
    assert [(entry["event"], entry.get("requests")) for entry in logs] == [
        ("usage_uncertain", 3),
        ("usage_not_counted", None),
    ]
    wire.loses_answers = False
    for _ in range(3):
        await counter.look()
    assert wire.writes == 1
    assert counter.of_workspace("acme") == 3
    assert await store.usage.month("2026-11") == [used("acme", 3)]


async def test_a_new_month_begins_with_nothing(counter: UsageCounter, store: SqliteStore, clock: ManualClock) -> None:
    delivers(counter, 3)
    await clock.advance(600.0)
    assert counter.of_workspace("acme") == 0
    delivers(counter)
    await counter.look()
    assert (counter.of_workspace("acme"), counter.of_app("chat")) == (1, 1)
    assert await store.usage.month("2026-11") == [used("acme", 3)]
    assert await store.usage.month("2026-12") == [used("acme", 1, month="2026-12")]


async def test_what_is_left_is_written_at_the_end(counter: UsageCounter, store: SqliteStore) -> None:
    delivers(counter, 2)
    await counter.flush()
    await counter.flush()
    assert await store.usage.month("2026-11") == [used("acme", 2)]


@pytest.mark.parametrize("is_cut", [True, False])
async def test_the_end_does_not_wait_for_the_store_for_ever(
    counter: UsageCounter, wire: Wire, clock: ManualClock, is_cut: bool
) -> None:
    delivers(counter, 2)
    wire.is_cut = is_cut
    if not is_cut:
        wire.may_answer.clear()
    with capture_logs() as logs:
        ending = asyncio.create_task(counter.flush())
        await clock.advance(FLUSH_SECONDS)
        await ending
    lost = logs[-1]
    assert (lost["event"], lost["requests"]) == ("usage_lost", 2)
