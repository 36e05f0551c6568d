"""The same push again: who remembers it, and which outcomes count as done."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from gateway.delivery.duplicates import MEMORY_SECONDS, WINDOW_SECONDS, Duplicates
from gateway.delivery.push import Push, Report, identified
from gateway.delivery.snapshot import Member
from gateway.model.outbox import Lane, OutboxItem
from gateway.model.outcome import Delivered, Duplicate, Later, Outcome, Rejected, Stored, TokenDead
from gateway.model.reason import Reason
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.conftest import VAULT, workspace
from tests.providers.pushes import android_push
from tests.store.log import delivered

MEMBER = Member(workspace=workspace("Example"), networks=(), by_topic={}, android=())
STORED = Stored(Reason.STORED_SLOW)


@pytest.fixture
def duplicates(store: SqliteStore, clock: ManualClock) -> Duplicates:
    return Duplicates(store, clock)


def push(clock: ManualClock, push_id: str = "first", age: float = 0.0, **more: Any) -> Push:
    created = datetime.fromtimestamp(1_800_000_000.0 - age, UTC).isoformat()
    given = {"id": push_id, "created_at": created, "received_at": clock.now(), **more}
    return identified(MEMBER, android_push(**given), VAULT)


class Delivery:
    """Ends every push as it is told to, when it is let."""

    def __init__(self, duplicates: Duplicates) -> None:
        self._duplicates = duplicates
        self.outcome: Outcome = Delivered()
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.made: list[str] = []

    async def of(self, push: Push) -> Outcome:
        async def deliver() -> Report:
            self.made.append(push.notification.id)
            await self.may_end.wait()
            return Report(self.outcome, push, attempts=1)

        report = await self._duplicates.once(push, deliver)
        assert report.push is push
        return report.outcome


@pytest.fixture
def delivery(duplicates: Duplicates) -> Delivery:
    return Delivery(duplicates)


@pytest.mark.parametrize("outcome", [Delivered(), STORED])
async def test_what_is_done_is_done_once(delivery: Delivery, clock: ManualClock, outcome: Outcome) -> None:
    delivery.outcome = outcome
    assert await delivery.of(push(clock)) == outcome
    assert await delivery.of(push(clock, "again")) == Duplicate(of="first")
    assert delivery.made == ["first"]


@pytest.mark.parametrize(
    "outcome", [Later(Reason.OUTBOX_FULL), Rejected(Reason.APNS_BAD_TOPIC), TokenDead(Reason.APNS_UNREGISTERED)]
)
async def test_anything_else_is_tried_afresh(delivery: Delivery, clock: ManualClock, outcome: Outcome) -> None:
    delivery.outcome = outcome
    assert [await delivery.of(push(clock)), await delivery.of(push(clock, "again"))] == [outcome, outcome]
    assert delivery.made == ["first", "again"]


async def test_another_push_is_another(delivery: Delivery, clock: ManualClock) -> None:
    await delivery.of(push(clock))
    assert await delivery.of(push(clock, "other", not_id=8)) == Delivered()


async def test_a_push_without_a_key_is_never_a_duplicate(delivery: Delivery, clock: ManualClock) -> None:
    nameless = push(clock, created_at=None)
    assert nameless.key is None
    assert [await delivery.of(nameless), await delivery.of(nameless)] == [Delivered(), Delivered()]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Delivered(), Duplicate(of="first")),
        (STORED, Duplicate(of="first")),
        (Rejected(Reason.APNS_BAD_TOPIC), Rejected(Reason.APNS_BAD_TOPIC)),
        (Later(Reason.OUTBOX_FULL), Later(Reason.OUTBOX_FULL)),
    ],
)
async def test_a_push_under_way_is_joined(
    delivery: Delivery, clock: ManualClock, until: Callable[..., Any], outcome: Outcome, told: Outcome
) -> None:
    delivery.outcome = outcome
    delivery.may_end.clear()
    first = asyncio.create_task(delivery.of(push(clock)))
    await until(lambda: delivery.made)
    again = asyncio.create_task(delivery.of(push(clock, "again")))
    await asyncio.sleep(0)
    delivery.may_end.set()
    assert [await first, await again] == [outcome, told]
    assert delivery.made == ["first"]


async def test_who_joined_a_push_that_failed_is_asked_to_come_again(duplicates: Duplicates, clock: ManualClock) -> None:
    may_fail = asyncio.Event()

    async def fail() -> Report:
        await may_fail.wait()
        raise RuntimeError("a fault of ours")

    first = asyncio.create_task(duplicates.once(push(clock), fail))
    await asyncio.sleep(0)
    again = asyncio.create_task(duplicates.once(push(clock, "again"), fail))
    await asyncio.sleep(0)
    may_fail.set()
    with pytest.raises(RuntimeError):
        await first
    assert (await again).outcome == Later(Reason.INTERNAL_ERROR)


async def test_who_joined_may_leave(delivery: Delivery, clock: ManualClock, until: Callable[..., Any]) -> None:
    delivery.may_end.clear()
    first = asyncio.create_task(delivery.of(push(clock)))
    await until(lambda: delivery.made)
    again = asyncio.create_task(delivery.of(push(clock, "again")))
    await asyncio.sleep(0)
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    delivery.may_end.set()
    assert await first == Delivered()


async def test_memory_is_kept_for_two_minutes(delivery: Delivery, clock: ManualClock) -> None:
    early = push(clock)
    await delivery.of(early)
    await clock.advance(MEMORY_SECONDS)
    assert isinstance(await delivery.of(early), Duplicate)
    await clock.advance(1)
    assert isinstance(await delivery.of(early), Delivered)


def logged(key: str | None, at: float, **changed: Any) -> Any:
    return msgspec.structs.replace(delivered("logged"), at=at, key=key, **changed)


@pytest.mark.parametrize(
    ("age", "changed", "expected"),
    [
        (31, {}, Duplicate(of="logged")),
        (29, {}, Delivered()),
        (31, {"outcome": "rejected"}, Delivered()),
        (31, {"outcome": "expired"}, Delivered()),
    ],
    ids=["late", "young", "rejected", "expired"],
)
async def test_what_comes_late_is_looked_up_in_the_delivery_log(
    delivery: Delivery, store: SqliteStore, clock: ManualClock, age: float, changed: dict[str, Any], expected: Outcome
) -> None:
    late = push(clock, age=age)
    await store.add([logged(late.key, clock.now() - 20, **changed)])
    assert await delivery.of(late) == expected


async def test_the_log_is_believed_for_forty_minutes(
    delivery: Delivery, store: SqliteStore, clock: ManualClock
) -> None:
    late = push(clock, age=3600)
    await store.add([logged(late.key, clock.now() - WINDOW_SECONDS - 1)])
    assert await delivery.of(late) == Delivered()


async def test_what_comes_late_is_looked_up_in_the_outbox(
    delivery: Delivery, store: SqliteStore, clock: ManualClock
) -> None:
    late = push(clock, age=60)
    item = OutboxItem(
        id="kept",
        key=late.key,
        workspace=MEMBER.workspace.id,
        lane=Lane("Chat", "fcm"),
        line=late.line,
        device=late.device,
        received_at=clock.now(),
        expires_at=clock.now() + 60,
        due_at=clock.now(),
        attempts=0,
        reason="stored_slow",
        notification=late.notification,
    )
    await store.outbox.put([item])
    assert await delivery.of(late) == Duplicate(of="kept")


async def test_with_the_store_gone_it_is_sent(delivery: Delivery, store: SqliteStore, clock: ManualClock) -> None:
    await store.close()
    assert await delivery.of(push(clock, age=60)) == Delivered()


async def test_a_store_that_takes_too_long_holds_no_push_up(clock: ManualClock, until: Callable[..., Any]) -> None:
    class Stuck:
        asked = False

        async def find(self, _key: str) -> None:
            self.asked = True
            await asyncio.Event().wait()

        @property
        def outbox(self) -> "Stuck":
            return self

    stuck: Any = Stuck()
    delivery = Delivery(Duplicates(stuck, clock))
    sent = asyncio.create_task(delivery.of(push(clock, age=60)))
    await until(lambda: stuck.asked)
    await clock.advance(1.0)
    assert await sent == Delivered()


async def test_a_push_created_at_no_readable_time_is_sent(delivery: Delivery, clock: ManualClock) -> None:
    assert await delivery.of(push(clock, created_at="yesterday")) == Delivered()
