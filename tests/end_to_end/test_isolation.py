"""An app in trouble harms no other, and loses no push while its trouble is mended."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.config import DeliverySettings, LimitsSettings
from gateway.model.limits import NO_LIMITS, Limits
from gateway.model.notice import Notice, NoticeKind
from gateway.providers.credentials import with_topics
from gateway.providers.key_files import KeyFile, read_apns_key
from gateway.providers.simulator import Rule, Simulator
from tests.anywhere import ANYWHERE
from tests.clock import ManualClock
from tests.end_to_end.running import (
    ANDROID,
    IPHONE,
    KEEPING_NOTHING,
    TOPIC,
    Answer,
    certificate,
    credentials,
    message,
    settings_of,
    start_gateway,
)
from tests.end_to_end.still import Still

SECOND_TOPIC = "com.example.second"
AT_ONCE_SECONDS = 10.0
"""Far below the minutes between attempts; time passes while answers are on their way, too."""
DENIED = {
    "apns": Rule(platform="apns", status=403, reason="InvalidProviderToken"),
    "fcm": Rule(platform="fcm", status=403, reason="PERMISSION_DENIED"),
}
WORDS = {"apns": "403 InvalidProviderToken", "fcm": "403 PERMISSION_DENIED"}
PROVIDERS = pytest.mark.parametrize(("provider", "token"), [("apns", IPHONE), ("fcm", ANDROID)])
HANGS = Rule(platform="apns", token_prefix="a", delay_ms=8000)


class Isolated(Still):
    """A gateway whose two apps have a workspace each, and trouble of their own."""

    async def add(self, name: str, limits: Limits = NO_LIMITS) -> str:
        """Add an app with a workspace of the same name; return the workspace's secret."""
        apns, fcm = await asyncio.to_thread(credentials, self.simulator)
        await self.running.registry.add_app(name, with_topics(apns, (SECOND_TOPIC,)), fcm, limits)
        issued = await self.running.registry.add_workspace(name, (name,))
        await self.running.gateway.follower.check()
        return issued.secret.reveal()

    async def of(self, secret: str, token: str, **options: Any) -> Answer:
        await self.clock.advance(0.001)
        return await self.running.post(f"/w/{secret}/push/apn/send", message(token, **options))

    def notice(self, kind: NoticeKind, provider: str) -> Notice | None:
        return self.running.gateway.notices.standing(kind, "app", provider)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time.time())


@pytest.fixture
async def simulator(data: Path, clock: ManualClock) -> AsyncIterator[Simulator]:
    """Minutes pass by the gateway's clock."""
    async with Simulator(data, ANYWHERE, clock) as running:
        yield running


@pytest.fixture
def delivery() -> DeliverySettings:
    return DeliverySettings()


@pytest.fixture
def limits() -> LimitsSettings:
    return LimitsSettings()


@pytest.fixture
async def still(
    simulator: Simulator,
    delivery: DeliverySettings,
    limits: LimitsSettings,
    clock: ManualClock,
    until: Callable[..., Any],
) -> AsyncIterator[Isolated]:
    async with AsyncExitStack() as cleanup:
        settings = await asyncio.to_thread(settings_of, simulator, delivery)
        settings = msgspec.structs.replace(settings, limits=limits)
        running = await start_gateway(simulator, cleanup, settings, clock)
        await running.register()
        await running.prove()
        still = Isolated(running, clock, until)
        yield still
        simulator.set_rules([])
        await still.empty()


# An app whose provider is dead


@pytest.mark.parametrize("trouble", [{"status": 503}, {"h2": "silent"}, {"status": 403}])
async def test_a_dead_app_delays_no_push_of_another(still: Isolated, trouble: dict[str, Any]) -> None:
    secret = await still.add("second")
    still.simulator.set_rules([Rule(platform="apns", token_prefix="a", **trouble)])
    dead = [asyncio.create_task(still.push(f"a{number:063x}")) for number in range(30)]
    for number in range(30):
        answer = await still.of(secret, f"b{number:063x}", topic=SECOND_TOPIC)
        assert (answer.status, answer.code) == (200, "delivered")
        await still.clock.advance(0.05)
    await still.passes(lambda: all(task.done() for task in dead))
    assert {(await task).status for task in dead} == {200}
    assert {lane.app for lane in still.running.gateway.owed.breakers.open()} <= {"app"}


async def test_a_dead_apps_stored_pushes_do_not_hold_up_anothers(still: Isolated) -> None:
    secret = await still.add("second")
    still.simulator.set_rules([Rule(platform="apns", status=503)])
    for number in range(20):
        await still.push(f"a{number:063x}")
    assert (await still.of(secret, "b" * 64, topic=SECOND_TOPIC)).code == "stored_later"
    still.simulator.set_rules([Rule(platform="apns", token_prefix="a", status=503)])
    begun = still.clock.now()
    await still.passes(lambda: any(one.status == 200 for one in still.simulator.received), step=0.01)
    assert still.clock.now() - begun <= AT_ONCE_SECONDS


# Credentials that are refused


@PROVIDERS
async def test_pushes_under_refused_credentials_are_kept_and_nobody_is_asked_again(
    still: Isolated, provider: str, token: str
) -> None:
    still.simulator.set_rules([DENIED[provider]])
    answers = [await still.push(f"{token[:-2]}{number:02}") for number in range(10)]
    assert [(answer.status, answer.code) for answer in answers] == [(200, "stored_later")] + [
        (200, "stored_resting")
    ] * 9
    assert len({one.token for one in still.simulator.received}) == 1


@PROVIDERS
async def test_the_operator_is_told_of_refused_credentials_in_the_providers_words(
    still: Isolated, provider: str, token: str
) -> None:
    still.simulator.set_rules([DENIED[provider]])
    await still.push(token)
    notice = still.notice(NoticeKind.CREDENTIALS_REFUSED, provider)
    assert notice is not None
    assert notice.words == WORDS[provider]
    assert still.notice(NoticeKind.BREAKER_OPEN, provider) is None
    page = (await still.running.get(f"{still.running.operator_url}/")).body.decode()
    assert WORDS[provider] in page


@PROVIDERS
async def test_with_new_credentials_all_that_was_kept_is_sent_at_once(
    still: Isolated, provider: str, token: str
) -> None:
    still.simulator.set_rules([DENIED[provider]])
    tokens = [f"{token[:-2]}{number:02}" for number in range(10)]
    assert [(await still.push(one)).status for one in tokens] == [200] * 10
    await still.passes(lambda: len(still.simulator.received) >= 30, step=1.0)
    still.simulator.set_rules([])
    still.simulator.clear()
    begun = still.clock.now()
    await renew(still, provider)
    await still.passes(lambda: len(still.simulator.received) >= len(tokens), step=0.01)
    assert still.clock.now() - begun <= AT_ONCE_SECONDS
    await still.empty()
    assert sorted(one.token for one in still.simulator.received) == sorted(tokens)
    assert still.notice(NoticeKind.CREDENTIALS_REFUSED, provider) is None


async def renew(still: Isolated, provider: str) -> None:
    """Replace an app's credentials by others that work."""
    apns, fcm = None, None
    if provider == "apns":
        apns = await asyncio.to_thread(certificate, still.simulator)
    else:
        _, fcm = await asyncio.to_thread(credentials, still.simulator)
        fcm = msgspec.structs.replace(fcm, fingerprint="another")
    await still.running.registry.replace_credentials("app", apns, fcm)
    await still.running.gateway.follower.check()


async def test_a_wrong_key_loses_no_push_until_it_is_replaced(still: Isolated) -> None:
    def wrong() -> Any:
        file = KeyFile("key", (still.simulator.data / "AuthKey_SIMKEY0001.p8").read_bytes())
        return read_apns_key(file, "WRONGKEY01", "SIMTEAM001", (TOPIC,), right.environment)

    right, _ = await asyncio.to_thread(credentials, still.simulator)
    await still.running.registry.replace_credentials("app", await asyncio.to_thread(wrong), None)
    await still.running.gateway.follower.check()
    assert (await still.push()).code == "stored_later"
    assert still.simulator.received[0].reason == "InvalidProviderToken"
    await still.running.registry.replace_credentials("app", right, None)
    await still.running.gateway.follower.check()
    await still.empty()
    assert still.simulator.received[-1].status == 200
    assert (await still.log())[-1].outcome == "delivered"


async def test_refused_credentials_of_one_provider_do_not_touch_the_other(still: Isolated) -> None:
    still.simulator.set_rules([DENIED["apns"]])
    await still.push()
    assert (await still.push(ANDROID)).code == "delivered"


# How many of an app may wait at a time


@pytest.mark.parametrize("limits", [LimitsSettings(app_in_flight=4)])
async def test_what_finds_no_place_is_kept_and_sent_next(still: Isolated) -> None:
    still.simulator.set_rules([HANGS])
    tasks = [asyncio.create_task(still.push(f"a{number:063x}")) for number in range(6)]
    await still.passes(lambda: all(task.done() for task in tasks), step=0.01)
    codes = [(await task).code for task in tasks]
    assert sorted(codes) == ["stored_busy"] * 4 + ["stored_slow"] * 2
    still.simulator.set_rules([])
    await still.empty()
    assert len({one.token for one in still.simulator.received if one.status == 200}) == 6


@pytest.mark.parametrize("limits", [LimitsSettings(app_in_flight=4)])
async def test_a_workspace_that_floods_an_app_leaves_places_to_the_apps_others(still: Isolated) -> None:
    other = await still.running.registry.add_workspace("other", ("app",))
    await still.running.gateway.follower.check()
    still.simulator.set_rules([HANGS])
    flood = [asyncio.create_task(still.push(f"a{number:063x}")) for number in range(6)]
    await still.passes(lambda: sum(task.done() for task in flood) >= 4, step=0.001)
    assert (await still.of(other.secret.reveal(), "b" * 64)).code == "delivered"
    await still.passes(lambda: all(task.done() for task in flood))


@pytest.mark.parametrize("limits", [LimitsSettings(app_in_flight=4)])
async def test_a_crowded_app_leaves_another_its_places(still: Isolated) -> None:
    secret = await still.add("second")
    still.simulator.set_rules([HANGS])
    flood = [asyncio.create_task(still.push(f"a{number:063x}")) for number in range(6)]
    await still.passes(lambda: sum(task.done() for task in flood) >= 4, step=0.001)
    assert (await still.of(secret, "b" * 64, topic=SECOND_TOPIC)).code == "delivered"
    await still.passes(lambda: all(task.done() for task in flood))


async def test_an_apps_own_number_of_places_counts(still: Isolated) -> None:
    secret = await still.add("second", Limits(in_flight=1))
    still.simulator.set_rules([HANGS])
    first = asyncio.create_task(still.of(secret, "a" * 64, topic=SECOND_TOPIC))
    await still.simulator.next_received()
    assert (await still.of(secret, "b" * 64, topic=SECOND_TOPIC)).code == "stored_busy"
    await still.passes(first.done)


@pytest.mark.parametrize("limits", [LimitsSettings(app_in_flight=1)])
async def test_a_place_is_taken_until_the_attempt_ends_not_until_its_server_is_answered(still: Isolated) -> None:
    still.simulator.set_rules([HANGS])
    first = asyncio.create_task(still.push())
    await still.simulator.next_received()
    await still.clock.advance(0.6)
    assert (await first).code == "stored_slow"
    assert (await still.push("b" * 64)).code == "stored_busy"
    await still.empty()
    assert (await still.push("c" * 64)).code == "delivered"


@pytest.mark.parametrize(("limits", "delivery"), [(LimitsSettings(app_in_flight=1), KEEPING_NOTHING)])
async def test_where_it_cannot_be_kept_the_server_is_asked_to_come_more_slowly(still: Isolated) -> None:
    still.simulator.set_rules([HANGS])
    first = asyncio.create_task(still.push())
    await still.simulator.next_received()
    answer = await still.push("b" * 64)
    assert (answer.status, answer.code) == (429, "app_busy")
    assert int(answer.headers["Retry-After"]) > 0
    await still.passes(first.done)
    assert (await first).code == "delivered"
