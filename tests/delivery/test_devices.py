"""The device registry behind the answers: what is joined, what is left out, what is known before it is written."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import reduce
from typing import Any

import pytest

from gateway.delivery.devices import FRESH_SECONDS, REMEMBERED, Devices
from gateway.delivery.write_behind import BATCH, CAPACITY, TIDY_BATCH, WRITE_SECONDS
from gateway.model.backlog import BacklogStatistics
from gateway.model.device import Device, DeviceQuery, Sighting, after
from gateway.model.errors import StoreError
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.sightings import death, known, sighting, stale, success

Until = Callable[[Callable[[], object]], Any]
RETENTION = 86_400.0
A, B = "a" * 64, "b" * 64


class Ledger:
    """A store whose registry remembers what it was given, and takes it when the test lets it."""

    def __init__(self) -> None:
        self.devices = self
        self.batches: list[list[Sighting]] = []
        self.registry: dict[str, Device] = {}
        self.removals: list[tuple[float, int]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def sight(self, sightings: list[Sighting]) -> None:
        self.batches.append(list(sightings))
        await self.may_answer.wait()
        for one in sightings:
            self.registry[one.device] = after(self.registry.get(one.device), one)

    async def get(self, device: str) -> Device | None:
        return self.registry.get(device)

    async def remove(self, before: float, limit: int) -> int:
        self.removals.append((before, limit))
        return 0

    @property
    def given(self) -> list[Sighting]:
        return [one for batch in self.batches for one in batch]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
async def devices(ledger: Ledger, clock: ManualClock) -> AsyncIterator[Devices]:
    """A registry that is being written to the ledger."""
    devices = Devices(ledger, clock, RETENTION)
    task = asyncio.create_task(devices.run())
    yield devices
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_ordinary_sightings_of_a_device_wait_as_one(devices: Devices, ledger: Ledger, clock: ManualClock) -> None:
    told = [success(1.0, A), sighting(1.5, B), sighting(2.0, A, workspaces=("example",))]
    for one in told:
        devices.add(one)
    assert devices.statistics() == BacklogStatistics(waiting=2, written=0, dropped=0)
    await clock.advance(WRITE_SECONDS)
    assert ledger.batches == [[told[0].joined(told[2]), told[1]]]
    assert devices.statistics() == BacklogStatistics(waiting=0, written=2, dropped=0)


async def test_what_a_provider_says_of_a_dead_device_stays_apart_and_in_its_place(
    devices: Devices, ledger: Ledger, clock: ManualClock
) -> None:
    told = [success(1.0), death(2.0), sighting(3.0), stale(4.0), stale(5.0), success(6.0)]
    for one in told:
        devices.add(one)
    await clock.advance(WRITE_SECONDS)
    assert ledger.given == told


async def test_it_is_written_in_batches(devices: Devices, ledger: Ledger, clock: ManualClock) -> None:
    for number in range(2 * BATCH + 1):
        devices.add(sighting(1.0, f"{number:064x}"))
    await clock.advance(WRITE_SECONDS)
    assert [len(batch) for batch in ledger.batches] == [BATCH, BATCH, 1]


async def test_a_full_buffer_drops_devices_that_come_too_late_and_counts_them(
    devices: Devices, ledger: Ledger, clock: ManualClock
) -> None:
    for number in range(CAPACITY + 7):
        devices.add(sighting(1.0, f"{number:064x}"))
    devices.add(sighting(2.0, f"{1:064x}"))
    assert devices.statistics() == BacklogStatistics(waiting=CAPACITY, written=0, dropped=7)
    await clock.advance(WRITE_SECONDS)
    assert [one.at for one in ledger.given[:3]] == [1.0, 2.0, 1.0]


async def written(devices: Devices, ledger: Ledger, clock: ManualClock, one: Sighting) -> bool:
    """Tell whether a sighting leads to a write."""
    before = len(ledger.given)
    devices.add(one)
    await clock.advance(WRITE_SECONDS)
    return len(ledger.given) > before


async def test_what_was_written_a_moment_ago_is_not_written_again(
    devices: Devices, ledger: Ledger, clock: ManualClock
) -> None:
    assert await written(devices, ledger, clock, success(1.0))
    assert not await written(devices, ledger, clock, success(2.0))
    assert not await written(devices, ledger, clock, sighting(FRESH_SECONDS + 0.9))
    assert await written(devices, ledger, clock, success(FRESH_SECONDS + 1.0))
    assert not await written(devices, ledger, clock, success(FRESH_SECONDS + 2.0))
    assert devices.statistics().written == 2


@pytest.mark.parametrize(
    "news",
    [
        success(2.0, app="beta"),
        success(2.0, environment="sandbox"),
        success(2.0, workspaces=("example",)),
        sighting(2.0, foreign_to="beta"),
        death(2.0),
        stale(2.0),
    ],
)
async def test_a_new_fact_is_written_at_once_and_once(
    devices: Devices, ledger: Ledger, clock: ManualClock, news: Sighting
) -> None:
    assert await written(devices, ledger, clock, success(1.0))
    assert await written(devices, ledger, clock, news)
    assert not (news.is_ordinary and await written(devices, ledger, clock, news))


async def test_two_workspaces_that_take_turns_are_each_written_once(
    devices: Devices, ledger: Ledger, clock: ManualClock
) -> None:
    turns = [success(float(at), workspaces=(("acme", "example")[at % 2],)) for at in range(6)]
    assert [await written(devices, ledger, clock, one) for one in turns] == [True, True, False, False, False, False]


async def test_the_first_push_after_a_death_is_always_written(
    devices: Devices, ledger: Ledger, clock: ManualClock
) -> None:
    assert await written(devices, ledger, clock, success(1.0))
    ledger.may_answer.clear()
    devices.add(death(2.0))
    await clock.advance(WRITE_SECONDS)
    devices.add(sighting(3.0))
    ledger.may_answer.set()
    await clock.advance(WRITE_SECONDS)
    assert [one.at for one in ledger.given] == [1.0, 2.0, 3.0]
    assert not await written(devices, ledger, clock, sighting(4.0))


async def test_of_more_devices_than_can_be_remembered_the_first_are_written_again(
    devices: Devices, ledger: Ledger, clock: ManualClock
) -> None:
    for first in range(0, REMEMBERED + 1, CAPACITY):
        for number in range(first, min(first + CAPACITY, REMEMBERED + 1)):
            devices.add(sighting(1.0, f"{number:064x}"))
        await clock.advance(WRITE_SECONDS)
    assert devices.statistics().written == REMEMBERED + 1
    assert await written(devices, ledger, clock, sighting(2.0, f"{0:064x}"))
    assert not await written(devices, ledger, clock, sighting(2.0, f"{REMEMBERED:064x}"))


async def test_what_is_not_written_yet_is_known_too(devices: Devices, ledger: Ledger, clock: ManualClock) -> None:
    told = [success(1.0), stale(2.0), stale(3.0)]
    ledger.registry[told[0].device] = after(None, told[0])
    ledger.may_answer.clear()
    devices.add(told[1])
    await clock.advance(WRITE_SECONDS)
    devices.add(told[2])
    assert await devices.known(told[0].device) == reduce(after, told, None)
    assert await devices.known(A) is None


async def test_nothing_is_known_while_the_store_does_not_answer(store: SqliteStore, clock: ManualClock) -> None:
    devices = Devices(store, clock, RETENTION)
    devices.add(sighting(1.0, A))
    await store.close()
    with pytest.raises(StoreError):
        await devices.known(A)


async def test_devices_not_seen_for_longer_than_the_retention_are_removed(
    store: SqliteStore, clock: ManualClock
) -> None:
    edge = clock.now() + WRITE_SECONDS - RETENTION
    await store.add([known(A, last_seen=edge - 0.1), known(B, last_seen=edge + 0.1)])
    task = asyncio.create_task(Devices(store, clock, RETENTION).run())
    await clock.advance(WRITE_SECONDS)
    async with asyncio.timeout(10):
        while len(found := await store.devices.find(DeviceQuery(), None, 9)) == 2:
            pass
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [device.id for device in found] == [B]


async def test_they_are_removed_in_bounded_numbers(devices: Devices, ledger: Ledger, clock: ManualClock) -> None:
    await clock.advance(WRITE_SECONDS)
    assert ledger.removals == [(clock.now() - RETENTION, TIDY_BATCH)]


async def test_at_the_end_what_waits_is_written(ledger: Ledger, clock: ManualClock) -> None:
    devices = Devices(ledger, clock, RETENTION)
    devices.add(success(1.0))
    await devices.flush()
    assert ledger.given == [success(1.0)]
