"""Apple's 410 against what is known of the device."""

import asyncio
import math
from typing import Any

import pytest

from gateway.delivery.devices import Devices, device_hash
from gateway.delivery.gone import STALE_SECONDS, STORE_SECONDS, Gone, may_be_over
from gateway.delivery.push import Push, identified
from gateway.delivery.snapshot import Member
from gateway.model.device import Device
from gateway.model.outcome import Delivered, Later, Outcome, Rejected, TokenDead
from gateway.model.reason import Reason
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.conftest import VAULT, workspace
from tests.providers.pushes import IPHONE, iphone_push
from tests.sightings import known, sighting

NOW = ManualClock().now()
DAY = STALE_SECONDS
STALE = Rejected(Reason.APNS_UNREGISTERED_STALE)


def device(**told: float) -> Device:
    return known("d", **told)


@pytest.mark.parametrize(
    ("since", "before", "is_over"),
    [
        (NOW - 0.5, None, True),
        (NOW, None, False),
        (NOW + 0.1, None, False),
        (49.0, device(known_since=50.0), True),
        (50.0, device(known_since=50.0), False),
        (51.0, device(known_since=50.0), False),
        (50.123, device(known_since=50.1239), False),
        (50.122, device(known_since=50.1239), True),
        (NOW - 1.0, device(known_since=50.0, refused_at=NOW - 5.0), True),
        (NOW, device(known_since=50.0, refused_at=NOW - 5.0), False),
        (51.0, device(known_since=50.0, refused_at=NOW), False),
        (NOW - 4.0, device(known_since=NOW - 3.0, refused_at=NOW - 5.0), True),
        (NOW - 3.0, device(known_since=NOW - 3.0, refused_at=NOW - 5.0), False),
    ],
)
def test_a_death_before_the_present_life_may_be_over(since: float, before: Device | None, is_over: bool) -> None:
    assert may_be_over(since, before, received_at=NOW, now=NOW + 1.0) is is_over


@pytest.mark.parametrize(
    ("count", "first", "is_over"),
    [
        (0, None, True),
        (1, NOW - 2 * DAY, True),
        (2, NOW - DAY, False),
        (2, NOW - DAY + 0.1, True),
        (9, NOW - DAY + 0.1, True),
        (9, NOW - 2 * DAY, False),
    ],
)
def test_three_stale_verdicts_over_a_day_are_enough(count: int, first: float | None, is_over: bool) -> None:
    before = known("d", known_since=50.0, stale_count=count, stale_since=first)
    assert may_be_over(49.0, before, received_at=NOW, now=NOW) is is_over


def test_stale_verdicts_of_an_older_life_do_not_count() -> None:
    before = known("d", known_since=50.0, refused_at=NOW - 5.0, stale_count=9, stale_since=NOW - 2 * DAY)
    assert may_be_over(NOW - 6.0, before, received_at=NOW, now=NOW) is True


@pytest.fixture
def devices(store: SqliteStore, clock: ManualClock) -> Devices:
    return Devices(store, clock, 1.0)


def push(**given: Any) -> Push:
    member = Member(workspace=workspace("Example"), networks=(), by_topic={}, android=())
    return identified(member, iphone_push(**given), VAULT)


@pytest.fixture
def gone(devices: Devices, clock: ManualClock) -> Gone:
    return Gone(devices, clock)


DATED = TokenDead(Reason.APNS_UNREGISTERED, since=NOW - 10.0)


@pytest.mark.parametrize("outcome", [Delivered(), TokenDead(Reason.APNS_UNREGISTERED), STALE, Later(Reason.STARTING)])
async def test_all_but_a_dated_death_stands_without_asking_the_store(
    gone: Gone, store: SqliteStore, outcome: Outcome
) -> None:
    await store.close()
    assert await gone.confirmed(outcome, push(), math.inf) is outcome


@pytest.mark.parametrize(("first_seen", "outcome"), [(NOW - 20.0, DATED), (NOW - 5.0, STALE)])
async def test_what_waits_to_be_written_counts(
    gone: Gone, devices: Devices, first_seen: float, outcome: Outcome
) -> None:
    devices.add(sighting(first_seen, device_hash(VAULT, IPHONE)))
    assert await gone.confirmed(DATED, push(received_at=NOW), math.inf) == outcome


async def test_what_the_store_knows_counts(gone: Gone, store: SqliteStore) -> None:
    await store.devices.sight([sighting(NOW - 20.0, device_hash(VAULT, IPHONE))])
    assert await gone.confirmed(DATED, push(received_at=NOW), math.inf) == DATED


async def test_while_the_store_fails_nobody_can_tell(gone: Gone, store: SqliteStore) -> None:
    await store.close()
    assert await gone.confirmed(DATED, push(), math.inf) == Later(Reason.STORE_UNAVAILABLE)


class Silent:
    """A store that never says what is known of a device."""

    def __init__(self) -> None:
        self.devices = self

    async def get(self, device: str) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize(("left", "waits"), [(math.inf, STORE_SECONDS), (0.5, 0.5)])
async def test_a_store_that_does_not_answer_is_waited_for_no_longer_than_the_server_waits(
    clock: ManualClock, left: float, waits: float
) -> None:
    gone = Gone(Devices(Silent(), clock, 1.0), clock)
    asking = asyncio.create_task(gone.confirmed(DATED, push(), clock.monotonic() + left))
    await clock.advance(waits - 0.1)
    assert not asking.done()
    await clock.advance(0.1)
    assert await asking == Later(Reason.STORE_UNAVAILABLE)
