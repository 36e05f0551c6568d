"""Other people's tokens: when many of an app are called dead at once, none of them ends.

A key for Apple's sandbox behind a production app, a database of tokens from another project: to the provider each
token is as good as dead, and each 406 would be for ever.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest

from gateway.app import following
from gateway.config import DeliverySettings, GuardSettings, Settings
from gateway.delivery.breaker import TRIP_SECONDS
from gateway.delivery.guard_watch import LOOK_SECONDS
from gateway.delivery.notices import POLL_SECONDS
from gateway.model.app import ApnsEnvironment
from gateway.model.notice import NoticeKind
from gateway.providers.simulator import Rule, Simulator
from tests.clock import ManualClock
from tests.end_to_end.running import (
    ANDROID,
    IPHONE,
    TOPIC,
    Answer,
    Running,
    credentials,
    message,
    settings_of,
    start_gateway,
)
from tests.end_to_end.still import Still

GUARD = GuardSettings()
BAD = Rule(platform="apns", reason="BadDeviceToken")
GONE = Rule(platform="apns", status=410, timestamp=4_000_000_000_000, token_prefix="d")
SANDBOX_KEY = Rule(environment="production", reason="BadDeviceToken")

OpenGateway = Callable[..., Awaitable[Still]]


@pytest.fixture
async def open_gateway(simulator: Simulator, until: Callable[..., Any]) -> AsyncIterator[OpenGateway]:
    """Open gateways on one store and one clock; the first registers the app. Each is stopped by its own `stop`."""
    clock = ManualClock(time.time())
    async with AsyncExitStack() as cleanup:
        secrets: list[str] = []

        async def open_one(on: AsyncExitStack = cleanup, proven: bool = True, **guard: Any) -> Still:
            settings = with_guard(await asyncio.to_thread(settings_of, simulator, DeliverySettings()), **guard)
            running = await start_gateway(simulator, on, settings, clock)
            if not secrets:
                await running.register()
                secrets.append(running.secret)
            running.secret = secrets[0]
            if proven:
                await running.prove()
            await on.enter_async_context(following(running.gateway))
            return Still(running, clock, until)

        yield open_one
        simulator.set_rules([])


@pytest.fixture
async def still(open_gateway: OpenGateway) -> Still:
    return await open_gateway()


def with_guard(settings: Settings, **guard: Any) -> Settings:
    return msgspec.structs.replace(settings, guard=GuardSettings(**guard))


def iphones(number: int, first: str = "e") -> list[str]:
    return [f"{first}{index:063x}" for index in range(number)]


def androids(number: int) -> list[str]:
    return [f"fcmtok:{index:030d}" for index in range(number)]


async def codes(still: Still, tokens: list[str], **options: Any) -> list[str]:
    """Push to each; return what was said."""
    return [(await still.push(token, **options)).code for token in tokens]


def trips(still: Still) -> list[tuple[str, str]]:
    return [
        (one.subject, one.about) for one in still.running.gateway.notices.all() if one.kind is NoticeKind.GUARD_TRIPPED
    ]


async def turns(still: Still) -> None:
    """Let all gateways write what they have to say, read what others have said, and look at it."""
    for _ in range(3):
        await still.clock.advance(POLL_SECONDS + LOOK_SECONDS)
        await asyncio.sleep(0.05)


async def test_a_sandbox_key_behind_a_production_app_ends_no_token(gateway: Running) -> None:
    gateway.simulator.set_rules([SANDBOX_KEY])
    tokens, statuses = iter(iphones(10_000)), Counter[tuple[int, str]]()

    async def send() -> None:
        for token in tokens:
            answer = await gateway.push("apn", message(token))
            statuses[answer.status, answer.code] += 1

    await asyncio.gather(*(send() for _ in range(50)))
    assert statuses == {
        (422, "apns_bad_device_token_unproven"): GUARD.tokens - 1,
        (422, "guard_tripped"): 10_000 - GUARD.tokens + 1,
    }


async def test_a_proven_key_that_suddenly_knows_no_token_ends_few(still: Still) -> None:
    assert set(await codes(still, iphones(200, "a"))) == {"delivered"}
    still.simulator.set_rules([BAD])
    said = await codes(still, iphones(200, "a"))
    assert said == ["apns_bad_device_token"] * 4 + ["guard_suspects"] * 15 + ["guard_tripped"] * 181
    assert trips(still) == [("app", "apns_bad_device_token")]
