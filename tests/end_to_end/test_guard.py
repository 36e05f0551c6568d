"""When an app's tokens are refused in numbers, none of them ends by a fault of ours."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet

from gateway.app import following, reset_guard
from gateway.app.resetting import BELIEVED_SECONDS
from gateway.config import DeliverySettings, EncryptionSettings, GuardSettings, Settings, StoreSettings
from gateway.delivery.guard import Trip
from gateway.delivery.notices import POLL_SECONDS
from gateway.model.clock import Clock, SystemClock
from gateway.model.device import DeviceQuery
from gateway.model.notice import Notice, NoticeKind
from gateway.model.reason import Reason
from gateway.model.secret import Secret
from gateway.model.store_url import StoreUrl
from gateway.providers.simulator import Rule, Simulator
from tests.clock import ManualClock
from tests.end_to_end.flood import androids, dead, flood, iphones
from tests.end_to_end.running import Running, credentials, message, settings_of, start_gateway
from tests.end_to_end.still import Still

BAD_TOKENS = Rule(platform="apns", status=400, reason="BadDeviceToken")
UNINSTALLED = Rule(platform="apns", status=410, reason="Unregistered")
GONE_FOR_GOOD = Rule(platform="apns", status=410, timestamp=4_000_000_000_000)
TRIPPED = (422, "guard_tripped")
TRIP = Trip("app", Reason.APNS_BAD_DEVICE_TOKEN)
TENTH = GuardSettings().tokens // 10


@pytest.fixture
def settings(simulator: Simulator) -> Settings:
    return settings_of(simulator, DeliverySettings())


class Gateways:
    """Opens gateways on one store and one clock; the first registers the app."""

    def __init__(self, simulator: Simulator, settings: Settings, clock: Clock) -> None:
        self.simulator = simulator
        self.settings = settings
        self.clock = clock

    async def open(self, cleanup: AsyncExitStack, secret: str = "") -> Running:
        running = await start_gateway(self.simulator, cleanup, self.settings, self.clock)
        running.secret = secret
        if not secret:
            await running.register()
        await cleanup.enter_async_context(following(running.gateway))
        return running


@pytest.fixture
async def still(simulator: Simulator, settings: Settings, until: Callable[..., Any]) -> AsyncIterator[Still]:
    clock = ManualClock(time.time())
    async with AsyncExitStack() as cleanup:
        running = await Gateways(simulator, settings, clock).open(cleanup)
        yield Still(running, clock, until)
        simulator.set_rules([])


async def pushes(running: Running, tokens: Iterable[str]) -> Counter[tuple[int, str]]:
    def push(token: str) -> Awaitable[Any]:
        return running.push("gcm" if ":" in token else "apn", message(token))

    return await flood(push, tokens)


def trips(running: Running) -> list[Trip]:
    return list(running.gateway.guard.trips())


async def metrics(running: Running) -> str:
    return (await running.get(f"{running.operator_url}/metrics")).body.decode()


async def test_a_sandbox_key_behind_a_production_app_ends_no_token(still: Still) -> None:
    still.simulator.set_rules([BAD_TOKENS])
    answers = await pushes(still.running, iphones(10_000))
    assert dead(answers) == 0
    assert answers == {(422, "apns_bad_device_token_unproven"): 19, TRIPPED: 9981}
    page = await metrics(still.running)
    assert 'push_guard_tripped{app="app",reason="apns_bad_device_token"} 1.0' in page


async def test_sandbox_builds_in_place_of_a_proven_app_end_a_tenth_of_the_threshold(still: Still) -> None:
    assert await pushes(still.running, iphones(500)) == {(200, "delivered"): 500}
    still.simulator.set_rules([BAD_TOKENS])
    answers = await pushes(still.running, iphones(2000))
    assert dead(answers) == TENTH
    assert answers[422, "guard_unconfirmed"] <= GuardSettings().tokens
    assert answers[TRIPPED] >= 2000 - 40
    assert trips(still.running) == [TRIP]
    assert await still.running.gateway.store.devices.find(DeviceQuery(is_dead=True), None, 999) == []


async def test_what_is_withheld_is_counted_and_explained(still: Still) -> None:
    await still.running.prove()
    still.simulator.set_rules([BAD_TOKENS])
    answers = await pushes(still.running, iphones(100))
    answer = await still.push()
    assert (answer.status, answer.code) == TRIPPED
    assert "apns_bad_device_token" in answer.document["error"]
    assert "push-gateway guard show" in answer.document["error"]
    withheld = f'push_guard_withheld_total{{app="app",reason="apns_bad_device_token"}} {101 - dead(answers)}.0'
    assert withheld in await metrics(still.running)
    overview = (await still.running.get(f"{still.running.operator_url}/")).body.decode()
    assert "push-gateway guard reset app" in overview


async def test_dead_tokens_among_good_ones_end_at_once(still: Still) -> None:
    await still.running.prove()
    still.simulator.set_rules([msgspec.structs.replace(BAD_TOKENS, token_prefix="dead")])
    for number in range(30):
        assert (await still.push(f"dead{number:060x}")).status == 406
        assert (await still.push(f"a{number:063x}")).status == 200


async def test_a_mass_uninstall_is_not_believed(still: Still) -> None:
    still.simulator.set_rules([msgspec.structs.replace(UNINSTALLED, token_prefix="0")])
    mixed = (f"{first}{number:063x}" for number in range(1, 301) for first in "0abc")
    assert dead(await pushes(still.running, mixed)) == 300, "a quarter of them is not over half"
    assert trips(still.running) == []
    answers = await pushes(still.running, iphones(400, 1000))
    assert dead(answers) <= 100
    assert answers[TRIPPED] >= 300
    assert trips(still.running) == [Trip("app", Reason.APNS_UNREGISTERED)]


async def reset(still: Still, settings: Settings) -> None:
    """Reset the guard as an operator does, and let the gateway hear of it."""
    async with asyncio.timeout(10):
        while not await reset_guard(settings, "app", still.clock):  # the trip is written down within seconds
            await still.clock.advance(POLL_SECONDS)
    await still.passes(lambda: trips(still.running) == [])


async def test_an_operator_who_says_that_they_really_are_dead_is_believed(still: Still, settings: Settings) -> None:
    still.simulator.set_rules([GONE_FOR_GOOD])
    await pushes(still.running, iphones(200))
    assert trips(still.running) == [Trip("app", Reason.APNS_UNREGISTERED)]
    await reset(still, settings)
    assert dead(await pushes(still.running, iphones(500, 1000))) == 500
    await still.clock.advance(BELIEVED_SECONDS)
    assert dead(await pushes(still.running, iphones(200, 2000))) == GuardSettings().unregistered_tokens // 2


async def test_with_other_credentials_an_operator_has_said_nothing(still: Still, settings: Settings) -> None:
    still.simulator.set_rules([GONE_FOR_GOOD])
    await pushes(still.running, iphones(200))
    await reset(still, settings)
    apns, fcm = await asyncio.to_thread(credentials, still.simulator, environment="sandbox")
    await still.running.registry.replace_credentials("app", apns, fcm)
    await still.running.gateway.follower.check()
    assert dead(await pushes(still.running, iphones(200, 1000))) == GuardSettings().unregistered_tokens // 2


async def test_who_resets_it_for_no_tokens_is_believed_nothing_more(still: Still, settings: Settings) -> None:
    await still.running.prove()
    still.simulator.set_rules([BAD_TOKENS])
    await pushes(still.running, iphones(100))
    await reset(still, settings)
    assert dead(await pushes(still.running, iphones(100, 1000))) == TENTH


@pytest.mark.parametrize("reason", ["DeviceTokenNotForTopic", "TopicDisallowed", "BadTopic"])
async def test_a_wrong_topic_trips_it_too(still: Still, reason: str) -> None:
    still.simulator.set_rules([Rule(platform="apns", reason=reason)])
    assert dead(await pushes(still.running, iphones(100))) == 0
    assert [trip.app for trip in trips(still.running)] == ["app"]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (Rule(platform="fcm", status=400, reason="INVALID_ARGUMENT"), Reason.FCM_INVALID_TOKEN),
        (Rule(platform="fcm", status=403, reason="SENDER_ID_MISMATCH"), Reason.FCM_SENDER_ID_MISMATCH),
    ],
)
async def test_googles_verdicts_trip_it_and_leave_apples_tokens_alone(still: Still, rule: Rule, reason: Reason) -> None:
    await still.running.prove()
    still.simulator.set_rules([rule, msgspec.structs.replace(BAD_TOKENS, token_prefix="dead")])
    assert dead(await pushes(still.running, androids(100))) <= TENTH
    assert trips(still.running) == [Trip("app", reason)]
    assert (await still.push("dead" * 16)).status == 406


async def test_one_app_in_trouble_does_not_trip_another(still: Still) -> None:
    await still.running.prove()
    apns, _ = await asyncio.to_thread(credentials, still.simulator)
    other = msgspec.structs.replace(apns, topics=("com.example.other",), fingerprint="other")
    await still.running.registry.add_app("other", other, None)
    await still.running.registry.update_workspace("workspace", apps=("app", "other"))
    await still.running.gateway.follower.check()
    still.simulator.set_rules([msgspec.structs.replace(BAD_TOKENS, token_prefix="0")])
    assert dead(await pushes(still.running, iphones(100))) == TENTH
    assert trips(still.running) == [TRIP]
    topic = "com.example.other"
    assert (await still.push("1" * 64, topic=topic)).status == 200
    assert (await still.push("0" * 64, topic=topic)).status == 406


async def test_a_trip_survives_a_restart(simulator: Simulator, settings: Settings) -> None:
    gateways = Gateways(simulator, settings, SystemClock())
    async with AsyncExitStack() as cleanup:
        before = await gateways.open(cleanup)
        await before.prove()
        simulator.set_rules([BAD_TOKENS])
        await pushes(before, iphones(100))
    async with AsyncExitStack() as cleanup:
        after = await gateways.open(cleanup, before.secret)
        assert trips(after) == [TRIP]
        assert await pushes(after, iphones(100)) == {TRIPPED: 100}


async def test_successes_in_numbers_reset_it_and_a_lucky_one_does_not(still: Still) -> None:
    await still.running.prove()
    still.simulator.set_rules([BAD_TOKENS])
    await pushes(still.running, iphones(100))
    still.simulator.set_rules([msgspec.structs.replace(BAD_TOKENS, token_prefix="dead")])
    assert (await still.push("1" * 64)).status == 200
    assert (await still.push("dead" * 16)).code == "guard_tripped"
    await pushes(still.running, iphones(50))
    assert trips(still.running) == []
    assert (await still.push("dead" * 16)).status == 406


async def test_other_credentials_reset_it(still: Still) -> None:
    await still.running.prove()
    still.simulator.set_rules([BAD_TOKENS])
    await pushes(still.running, iphones(100))
    apns, fcm = await asyncio.to_thread(credentials, still.simulator, environment="sandbox")
    await still.running.registry.replace_credentials("app", apns, fcm)
    await still.running.gateway.follower.check()
    assert trips(still.running) == []
    assert (await still.push()).code == "apns_bad_device_token_unproven"


class Holding:
    """The settings with which an operator would rather have pushes kept."""

    @pytest.fixture
    def settings(self, simulator: Simulator) -> Settings:
        usual = settings_of(simulator, DeliverySettings())
        unchecked = msgspec.structs.replace(usual.providers, canary_every=0.0)
        return msgspec.structs.replace(usual, providers=unchecked, guard=GuardSettings(hold=True))


class TestHold(Holding):
    async def test_pushes_are_kept_until_the_guard_is_reset(self, still: Still) -> None:
        await still.running.prove()
        still.simulator.set_rules([BAD_TOKENS])
        answers = await pushes(still.running, iphones(100))
        assert (dead(answers), answers[200, "stored_held"]) == (TENTH, 81)
        assert still.running.gateway.owed.breakers.open() == set()
        await still.clock.advance(120.0)
        still.simulator.set_rules([])
        still.simulator.clear()
        over = still.clock.monotonic()
        await still.running.gateway.store.notices.withdraw(Notice.id_of(NoticeKind.GUARD_TRIPPED, "app", TRIP.reason))
        assert len(await still.received(81)) == 81
        assert still.clock.monotonic() - over < 10.0, "they are not left to their pauses of minutes"

    async def test_they_are_kept_no_longer_than_they_live(self, still: Still) -> None:
        await still.running.prove()
        still.simulator.set_rules([BAD_TOKENS])
        await pushes(still.running, iphones(19))
        assert (await still.push(apn={"expirationSeconds": 60})).code == "stored_held"
        await still.empty()
        expired = (await still.log())[-1]
        assert (expired.outcome, expired.provider_words) == ("expired", "BadDeviceToken")
        assert await still.running.gateway.store.late_verdicts.since(0.0, 9) == []


async def test_a_stored_push_whose_token_is_called_dead_meanwhile_leaves_no_late_verdict(still: Still) -> None:
    await still.running.prove()
    still.simulator.set_rules([BAD_TOKENS])
    await pushes(still.running, iphones(100))
    still.simulator.set_rules([Rule(status=503, times=1), BAD_TOKENS])
    assert (await still.push()).code == "stored_later"
    await still.empty()
    assert [one.reason for one in await still.log()][-1] == "guard_tripped"
    assert (await still.push()).code == "guard_tripped"


async def test_a_late_verdict_is_not_told_while_the_guard_stands(still: Still) -> None:
    await still.running.prove()
    still.simulator.set_rules([Rule(status=503, times=1), BAD_TOKENS])
    assert (await still.push()).code == "stored_later"
    await still.empty()
    await pushes(still.running, iphones(100))
    still.simulator.set_rules([])
    assert (await still.push()).status == 200, "the provider is asked again, and knows better"
    assert await still.running.gateway.store.late_verdicts.since(0.0, 9) == []


@pytest.fixture
async def two(simulator: Simulator, mongo_url: StoreUrl, settings: Settings) -> AsyncIterator[list[Running]]:
    """Two gateways on one MongoDB, which have delivered."""
    encryption = EncryptionSettings(keys=(Secret(Fernet.generate_key().decode()),), lookup_key=Secret("a long text"))
    shared = msgspec.structs.replace(settings, store=StoreSettings(url=mongo_url), encryption=encryption)
    gateways = Gateways(simulator, shared, SystemClock())
    async with AsyncExitStack() as cleanup:
        one = await gateways.open(cleanup)
        other = await gateways.open(cleanup, one.secret)
        for each in (one, other):
            await each.prove()
        yield [one, other]
        simulator.set_rules([])


async def test_of_two_gateways_on_one_database_each_ends_a_tenth_at_most(
    two: list[Running], simulator: Simulator
) -> None:
    simulator.set_rules([BAD_TOKENS])
    one, other = await asyncio.gather(*(pushes(each, iphones(1000, 1000 * n)) for n, each in enumerate(two, start=1)))
    assert (dead(one), dead(other)) == (TENTH, TENTH)


async def test_a_trip_holds_on_both_and_what_resets_it_on_one_resets_it_on_the_other(
    two: list[Running], simulator: Simulator, until: Callable[..., Any]
) -> None:
    one, other = two
    simulator.set_rules([BAD_TOKENS])
    await pushes(one, iphones(100))
    await until(lambda: trips(other) == [TRIP])
    assert await pushes(other, iphones(100, 1000)) == {TRIPPED: 100}
    simulator.set_rules([])
    await pushes(one, iphones(50))
    assert trips(one) == []
    await until(lambda: trips(other) == [])
    simulator.set_rules([BAD_TOKENS])
    assert dead(await pushes(other, iphones(1))) == 1
