"""Which way to a device is tried first: from memory, else from the registry, and never one that is not given."""

import asyncio

import pytest

from gateway.delivery.devices import Devices
from gateway.delivery.learned_ways import REGISTRY_SECONDS, REMEMBERED, LearnedWays
from gateway.delivery.push import Push
from gateway.delivery.snapshot import Member, Route
from gateway.model.app import ApnsCredentials, ApnsEnvironment, FcmCredentials
from gateway.model.device import Device
from gateway.model.errors import StoreError
from gateway.model.notification import Kind, Notification, Platform
from gateway.model.workspace import Workspace
from tests.clock import ManualClock
from tests.sightings import DEVICE, known


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
def registry() -> Registry:
    return Registry()


@pytest.fixture
def learned(registry: Registry, clock: ManualClock) -> LearnedWays:
    return LearnedWays(Devices(registry, clock, 86_400.0), clock)


def google(app: str) -> Route:
    return Route(app, FcmCredentials(project_id=app, client_email="", service_account="", fingerprint=app))


def apple(environment: ApnsEnvironment, app: str = "chat") -> Route:
    return Route(app, ApnsCredentials(topics=(), fingerprint=f"{app} {environment}", environment=environment))


CHAT, OTHER, THIRD = map(google, ("chat", "other", "third"))
PRODUCTION, SANDBOX = apple(ApnsEnvironment.PRODUCTION), apple(ApnsEnvironment.SANDBOX)


def push(device: str = DEVICE) -> Push:
    workspace = Workspace(id="w", name="acme", apps=(), secrets=())
    member = Member(workspace, networks=(), by_topic={}, android=())
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


async def test_where_there_is_one_way_nobody_is_asked(learned: LearnedWays, registry: Registry) -> None:
    assert await learned.first((CHAT,), push()) == (CHAT,)
    assert await learned.first((), push()) == ()
    assert registry.asked == 0


async def test_the_way_that_worked_goes_first_and_the_others_keep_their_order(learned: LearnedWays) -> None:
    learned.worked(THIRD, DEVICE)
    assert await learned.first((CHAT, OTHER, THIRD), push()) == (THIRD, CHAT, OTHER)


async def test_the_last_way_that_worked_counts(learned: LearnedWays) -> None:
    learned.worked(OTHER, DEVICE)
    learned.worked(CHAT, DEVICE)
    assert await learned.first((OTHER, CHAT), push()) == (CHAT, OTHER)


async def test_what_worked_for_one_device_says_nothing_of_another(learned: LearnedWays) -> None:
    learned.worked(OTHER, "another device")
    assert await learned.first((CHAT, OTHER), push()) == (CHAT, OTHER)


async def test_the_registry_is_asked_once_for_each_device(learned: LearnedWays, registry: Registry) -> None:
    registry.device = known(DEVICE, app="other")
    for _ in range(3):
        assert await learned.first((CHAT, OTHER), push()) == (OTHER, CHAT)
    assert registry.asked == 1


async def test_what_worked_just_now_goes_before_what_the_registry_says(
    learned: LearnedWays, registry: Registry
) -> None:
    registry.device = known(DEVICE, app="other")
    learned.worked(CHAT, DEVICE)
    assert await learned.first((OTHER, CHAT), push()) == (CHAT, OTHER)
    assert registry.asked == 0


async def test_apples_environment_is_part_of_the_way(learned: LearnedWays, registry: Registry) -> None:
    registry.device = known(DEVICE, app="chat", environment="sandbox")
    assert await learned.first((PRODUCTION, SANDBOX), push()) == (SANDBOX, PRODUCTION)
    learned.worked(PRODUCTION, DEVICE)
    assert await learned.first((SANDBOX, PRODUCTION), push()) == (PRODUCTION, SANDBOX)


async def test_a_way_that_is_not_given_is_never_added(learned: LearnedWays, registry: Registry) -> None:
    registry.device = known(DEVICE, app="another workspace's")
    assert await learned.first((CHAT, OTHER), push()) == (CHAT, OTHER)
    learned.worked(THIRD, DEVICE)
    assert await learned.first((CHAT, OTHER), push()) == (CHAT, OTHER)


async def test_of_an_unknown_device_nothing_is_known_and_it_is_asked_once(
    learned: LearnedWays, registry: Registry
) -> None:
    for _ in range(2):
        assert await learned.first((CHAT, OTHER), push()) == (CHAT, OTHER)
    assert registry.asked == 1


async def test_a_registry_that_fails_is_asked_again(learned: LearnedWays, registry: Registry) -> None:
    registry.error = StoreError("gone")
    assert await learned.first((CHAT, OTHER), push()) == (CHAT, OTHER)
    registry.error, registry.device = None, known(DEVICE, app="other")
    assert await learned.first((CHAT, OTHER), push()) == (OTHER, CHAT)


async def test_a_slow_registry_is_not_waited_for(learned: LearnedWays, registry: Registry, clock: ManualClock) -> None:
    registry.may_answer.clear()
    asking = asyncio.create_task(learned.first((CHAT, OTHER), push()))
    await clock.advance(REGISTRY_SECONDS - 0.01)
    assert not asking.done()
    await clock.advance(0.01)
    assert await asking == (CHAT, OTHER)


async def test_of_too_many_devices_those_heard_of_longest_ago_are_forgotten(
    learned: LearnedWays, registry: Registry
) -> None:
    for number in range(REMEMBERED):
        learned.worked(OTHER, str(number))
    learned.worked(OTHER, "0")
    learned.worked(OTHER, "one more")
    assert await learned.first((CHAT, OTHER), push("0")) == (OTHER, CHAT)
    assert await learned.first((CHAT, OTHER), push("1")) == (CHAT, OTHER)
    assert registry.asked == 1
