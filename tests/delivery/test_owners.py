"""Whose a device token is: from memory, else from the registry."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from gateway.delivery.devices import Devices
from gateway.delivery.owners import ASK_SECONDS, CAPACITY, FOREIGN_SECONDS, Owner, Owners
from gateway.delivery.push import Push, Report
from gateway.delivery.snapshot import Member, Route
from gateway.model.app import FcmCredentials
from gateway.model.device import Device
from gateway.model.errors import StoreError
from gateway.model.notification import Kind, Notification, Platform
from gateway.model.outcome import Delivered, Later, Outcome, Rejected
from gateway.model.reason import Reason
from gateway.model.workspace import Workspace
from tests.clock import ManualClock
from tests.sightings import DEVICE, known

Until = Callable[[Callable[[], object]], Any]
FOREIGN = Rejected(Reason.FCM_SENDER_ID_MISMATCH)


class Registry:
    """A store that knows one device, and says so when the test lets it."""

    def __init__(self) -> None:
        self.devices = self
        self.device: Device | None = None
        self.error: StoreError | None = None
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def get(self, device: str) -> Device | None:
        self.asked += 1
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return self.device


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    yield Registry()


@pytest.fixture
def owners(registry: Registry, clock: ManualClock) -> Owners:
    return Owners(Devices(registry, clock, 86_400.0), clock)


def route(app: str) -> Route:
    return Route(app, FcmCredentials(project_id=app, client_email="", service_account="", fingerprint=app))


def push(*apps: str, device: str = DEVICE) -> Push:
    workspace = Workspace(id="w", name="acme", apps=apps, secrets=())
    member = Member(workspace, networks=(), by_topic={}, android=tuple(map(route, apps)))
    notification = Notification(
        id="p",
        platform=Platform.GCM,
        kind=Kind.MESSAGE,
        token="t",
        unique_id="u",
        received_at=1.0,
        expires_at=2.0,
    )
    return Push(member, notification, device, None, device)


def report(outcome: Outcome) -> Report:
    return Report(outcome, is_foreign=outcome is FOREIGN)


async def test_without_an_own_app_every_token_is_foreign(owners: Owners, registry: Registry) -> None:
    assert await owners.of(push()) is Owner.FOREIGN
    assert registry.asked == 0


@pytest.mark.parametrize(
    ("told", "owner"),
    [
        ({"app": "chat", "last_success": 5.0}, Owner.OURS),
        ({"app": "chat"}, Owner.UNKNOWN),
        ({"app": "another workspace's", "last_success": 5.0}, Owner.UNKNOWN),
        ({"foreign_to": "other apps", "foreign_at": 1_800_000_000.0}, Owner.UNKNOWN),
        ({"foreign_to": push("chat").member.android_apps, "foreign_at": 1_800_000_000.0}, Owner.FOREIGN),
        ({"foreign_to": push("chat").member.android_apps, "foreign_at": 1_800_000_000.0 - 86_400.0}, Owner.UNKNOWN),
    ],
)
async def test_the_registry_says_whose_it_is(
    owners: Owners, registry: Registry, told: dict[str, Any], owner: Owner
) -> None:
    registry.device = known(DEVICE, **told)
    assert await owners.of(push("chat")) is owner


async def test_the_registry_is_asked_once_where_it_knows(owners: Owners, registry: Registry) -> None:
    assert [await owners.of(push("chat")) for _ in range(2)] == [Owner.UNKNOWN] * 2
    assert registry.asked == 2
    registry.device = known(DEVICE, app="chat", last_success=5.0)
    assert [await owners.of(push("chat")) for _ in range(2)] == [Owner.OURS] * 2
    assert registry.asked == 3


@pytest.mark.parametrize(
    ("outcome", "owner"),
    [(Delivered(), Owner.OURS), (FOREIGN, Owner.FOREIGN), (Later(Reason.FCM_UNAVAILABLE), Owner.UNKNOWN)],
)
async def test_what_own_apps_say_is_learned(owners: Owners, outcome: Outcome, owner: Owner) -> None:
    owners.learn(push("chat"), report(outcome))
    assert await owners.of(push("chat")) is owner


async def test_the_last_word_counts(owners: Owners) -> None:
    for outcome, owner in ((Delivered(), Owner.OURS), (FOREIGN, Owner.FOREIGN)):
        owners.learn(push("chat"), report(outcome))
        assert await owners.of(push("chat")) is owner


async def test_what_one_set_of_apps_has_said_tells_nothing_of_another(owners: Owners) -> None:
    owners.learn(push("chat"), report(FOREIGN))
    assert await owners.of(push("chat", "beta")) is Owner.UNKNOWN
    assert await owners.of(push("beta")) is Owner.UNKNOWN


async def test_after_a_day_it_is_not_known_any_more(owners: Owners, clock: ManualClock) -> None:
    owners.learn(push("chat"), report(FOREIGN))
    await clock.advance(FOREIGN_SECONDS - 1.0)
    assert await owners.of(push("chat")) is Owner.FOREIGN
    await clock.advance(1.0)
    assert await owners.of(push("chat")) is Owner.UNKNOWN


async def test_a_registry_that_fails_or_takes_too_long_stops_nobody(
    owners: Owners, registry: Registry, clock: ManualClock, until: Until
) -> None:
    registry.error = StoreError("the disk is full")
    assert await owners.of(push("chat")) is Owner.UNKNOWN
    registry.may_answer.clear()
    asking = asyncio.create_task(owners.of(push("chat")))
    await until(lambda: registry.asked == 2)
    await clock.advance(ASK_SECONDS)
    assert await asking is Owner.UNKNOWN


async def test_whether_own_apps_have_ever_delivered_is_never_guessed(
    owners: Owners, registry: Registry, clock: ManualClock
) -> None:
    assert not await owners.have_delivered(push("chat"), clock.monotonic() + 5.0)
    registry.device = known(DEVICE, last_success=5.0)
    assert await owners.have_delivered(push("chat"), clock.monotonic() + 5.0)
    registry.error = StoreError("the disk is full")
    with pytest.raises(StoreError):
        await owners.have_delivered(push("chat"), clock.monotonic() + 5.0)
    registry.may_answer.clear()
    asking = asyncio.create_task(owners.have_delivered(push("chat"), clock.monotonic() + 1.0))
    await clock.advance(1.0)
    with pytest.raises(TimeoutError):
        await asking


async def test_of_more_devices_than_can_be_remembered_the_first_are_asked_for_again(
    owners: Owners, registry: Registry
) -> None:
    first = push("chat", device="0")
    for number in range(CAPACITY + 1):
        owners.learn(msgspec.structs.replace(first, device=f"{number}"), report(FOREIGN))
    assert await owners.of(push("chat", device="1")) is Owner.FOREIGN
    assert registry.asked == 0
    assert await owners.of(first) is Owner.UNKNOWN
