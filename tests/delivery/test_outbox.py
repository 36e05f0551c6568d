"""What the gateway owes, while the store comes and goes."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from gateway.delivery.late_verdicts import OVERLAP_SECONDS
from gateway.delivery.outbox import LEASE_SECONDS, Outbox
from gateway.delivery.outbox_shares import OutboxLimits
from gateway.model.outbox import OutboxItem
from gateway.model.outcome import Later
from gateway.model.reason import Reason
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.store.owed import claim, late, owed

UNAVAILABLE = Later(Reason.STORE_UNAVAILABLE)
TABLES = ("outbox", "late_verdicts")


class Trouble:
    """Takes the tables away, as a failing disk would, and brings them back."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def begins(self) -> None:
        await asyncio.to_thread(self._rename, "", "lost_")

    async def ends(self) -> None:
        await asyncio.to_thread(self._rename, "lost_", "")

    def _rename(self, old: str, new: str) -> None:
        with closing(sqlite3.connect(self._file, isolation_level=None)) as connection:
            connection.execute("PRAGMA legacy_alter_table = ON")
            for table in TABLES:
                connection.execute(f"ALTER TABLE {old}{table} RENAME TO {new}{table}")


@pytest.fixture
def trouble(store: SqliteStore, tmp_path: Path) -> Trouble:
    return Trouble(tmp_path / "gateway.db")


@pytest.fixture
async def outbox(store: SqliteStore, clock: ManualClock) -> AsyncIterator[Outbox]:
    outbox = Outbox(store, clock, OutboxLimits(total=100, per_workspace=100))
    running = asyncio.create_task(outbox.run())
    yield outbox
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def passes(clock: ManualClock) -> Callable[..., Any]:
    """Let time pass second by second, and the store do what it is asked meanwhile."""

    async def wait(seconds: float) -> None:
        for _ in range(round(seconds)):
            await clock.advance(1.0)
            await asyncio.sleep(0.01)

    return wait


def item(clock: ManualClock, key: str = "one", **fields: Any) -> OutboxItem:
    now = clock.now()
    return owed(key, received_at=now, due_at=now, expires_at=now + 3600, **fields)


async def kept(store: SqliteStore) -> list[str]:
    return [one.id for one in await store.page(OutboxItem, None, 9)]


async def test_what_is_kept_at_the_second_try_stays(
    outbox: Outbox, store: SqliteStore, clock: ManualClock, trouble: Trouble, passes: Callable[..., Any]
) -> None:
    one = item(clock)
    await trouble.begins()
    assert await outbox.put(one, leased=True) == UNAVAILABLE
    await trouble.ends()
    assert await outbox.put(one, leased=False) is None
    await passes(30)
    assert await kept(store) == ["one"]


async def test_what_the_store_took_late_stays_until_the_push_is_done(
    outbox: Outbox, store: SqliteStore, clock: ManualClock, trouble: Trouble, passes: Callable[..., Any]
) -> None:
    one, other = item(clock), item(clock, "other")
    await trouble.begins()
    assert [await outbox.put(each, leased=True) for each in (one, other)] == [UNAVAILABLE] * 2
    await trouble.ends()
    await store.outbox.put([one, other])
    outbox.withdraw("other")
    await passes(30)
    assert await kept(store) == ["one"]


async def test_a_lease_is_renewed_while_the_work_goes_on_and_not_when_it_has_failed(
    outbox: Outbox, store: SqliteStore, clock: ManualClock, passes: Callable[..., Any]
) -> None:
    one = item(clock)
    await outbox.put(one, leased=True)
    await passes(3 * LEASE_SECONDS)
    assert await store.outbox.claim(claim(now=clock.now())) == []
    with capture_logs() as logs, outbox.at_work(one):
        raise RuntimeError("a fault of ours")
    assert [(entry["event"], entry["request_id"]) for entry in logs] == [("stored_push_failed", "one")]
    assert outbox.in_flight == 0
    await passes(LEASE_SECONDS + 1)
    assert [each.id for each in await store.outbox.claim(claim(now=clock.now()))] == ["one"]


class Slow:
    """A store that takes its time to count."""

    def __init__(self, store: SqliteStore, clock: ManualClock) -> None:
        self._store = store.outbox
        self._clock = clock
        self.late_verdicts = store.late_verdicts
        self.outbox = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def count(self) -> Any:
        await self._clock.sleep(4.0)
        return await self._store.count()


async def test_a_slow_store_does_not_make_leases_run_out(
    store: SqliteStore, clock: ManualClock, passes: Callable[..., Any]
) -> None:
    slow: Any = Slow(store, clock)
    outbox = Outbox(slow, clock, OutboxLimits(total=100, per_workspace=100))
    running = asyncio.create_task(outbox.run())
    await outbox.put(item(clock), leased=True)
    for _ in range(40):
        await passes(1)
        assert await store.outbox.claim(claim(now=clock.now())) == []
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_is_worked_on_is_not_begun_anew_when_its_lease_ran_out_in_an_outage(
    outbox: Outbox, store: SqliteStore, clock: ManualClock, trouble: Trouble, passes: Callable[..., Any]
) -> None:
    one = item(clock)
    await outbox.put(one, leased=True)
    await trouble.begins()
    await passes(LEASE_SECONDS + 5)
    await trouble.ends()
    assert await outbox.claim(9, frozenset()) == []
    await outbox.postpone(one, clock.now(), 1, "reason")
    assert [each.id for each in await outbox.claim(9, frozenset())] == ["one"]
    assert outbox.in_flight == 1


async def test_a_late_verdict_that_had_to_wait_for_the_store_is_heard_by_all(
    outbox: Outbox, store: SqliteStore, clock: ManualClock, trouble: Trouble, passes: Callable[..., Any]
) -> None:
    one = item(clock)
    await outbox.put(one, leased=True)
    await trouble.begins()
    finishing = asyncio.create_task(outbox.finish(one, late("device", at=clock.now())))
    await passes(2 * OVERLAP_SECONDS)
    assert not finishing.done()
    await trouble.ends()
    await passes(2)
    await finishing
    (heard,) = await store.late_verdicts.since(clock.now() - OVERLAP_SECONDS, 9)
    assert msgspec.structs.replace(heard, at=0.0) == late("device", at=0.0)
    assert await kept(store) == []
