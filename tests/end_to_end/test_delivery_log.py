"""What became of pushes is found in the store afterwards, with Apple's and Google's own words."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from typing import Any

import msgspec
import pytest

from gateway.app import open_store
from gateway.config import Settings, StoreSettings
from gateway.delivery.records import CAPACITY
from gateway.model.delivery import Delivery, DeliveryQuery
from gateway.providers.simulator import Rule, Simulator
from tests.end_to_end.running import ANDROID, IPHONE, Answer, Running, message, settings_of, start_gateway
from tests.store.log import delivered


@pytest.fixture
async def settings(simulator: Simulator) -> Settings:
    """Of a gateway whose log can be read when it has stopped."""
    return await asyncio.to_thread(settings_of, simulator)


class Pushed:
    """Pushes what is asked for, then stops the gateway and reads its log."""

    def __init__(self, simulator: Simulator, settings: Settings, cleanup: AsyncExitStack) -> None:
        self.simulator = simulator
        self.settings = settings
        self.cleanup = cleanup

    async def start(self, **workspace: Any) -> Running:
        running = await start_gateway(self.simulator, self.cleanup, self.settings)
        await running.register(**workspace)
        return running

    async def log(self) -> list[Delivery]:
        await self.cleanup.aclose()
        async with open_store(self.settings) as opened:
            return await opened.store.deliveries(DeliveryQuery(oldest_first=True), None, 99)


@pytest.fixture
async def pushed(simulator: Simulator, settings: Settings) -> AsyncIterator[Pushed]:
    async with AsyncExitStack() as cleanup:
        yield Pushed(simulator, settings, cleanup)


def provider(delivery: Delivery) -> tuple[int | None, str, int]:
    return delivery.provider_status, delivery.provider_words, delivery.attempts


async def test_a_delivered_push_is_found_with_the_providers_id(pushed: Pushed) -> None:
    gateway = await pushed.start()
    answers = [await gateway.push("apn", message(IPHONE)), await gateway.push("gcm", message(ANDROID))]
    device = gateway.gateway.vault.lookup_hash("device", IPHONE)
    now = gateway.gateway.clock.now()
    apple, google = await pushed.log()
    assert [apple.id, google.id] == [answer.headers["X-Request-Id"] for answer in answers]
    assert (apple.workspace, apple.app, apple.platform, apple.kind) == ("workspace", "app", "apn", "message")
    assert (apple.outcome, apple.reason, apple.device) == ("delivered", "delivered", device)
    assert provider(apple) == provider(google) == (200, "", 1)
    assert apple.provider_id.lower() == apple.id
    assert google.provider_id.startswith("projects/sim-project/messages/")
    assert now - 60 < apple.at <= google.at <= now
    assert 0 < apple.ms < 60_000


@pytest.mark.parametrize(
    ("platform", "rule", "outcome", "reason", "said"),
    [
        ("apn", Rule(status=410, reason="Unregistered"), "token_dead", "apns_unregistered", (410, "Unregistered", 1)),
        ("apn", Rule(status=400, reason="BadTopic"), "rejected", "apns_bad_topic", (400, "BadTopic", 1)),
        ("apn", Rule(status=503, reason="Shutdown"), "later", "apns_shutdown", (503, "Shutdown", 1)),
        ("gcm", Rule(status=404, reason="UNREGISTERED"), "token_dead", "fcm_unregistered", (404, "UNREGISTERED", 1)),
    ],
)
async def test_what_the_provider_said_is_found(
    pushed: Pushed, platform: str, rule: Rule, outcome: str, reason: str, said: tuple[int, str, int]
) -> None:
    gateway = await pushed.start()
    pushed.simulator.set_rules([rule])
    await gateway.push(platform, message(IPHONE if platform == "apn" else ANDROID))
    (found,) = await pushed.log()
    assert (found.outcome, found.reason, provider(found)) == (outcome, reason, said)


async def test_a_push_that_met_no_provider_is_found_without_its_words(pushed: Pushed) -> None:
    gateway = await pushed.start(unique_id="UNIQUEID")
    await gateway.push("gcm", b"{broken")
    await gateway.push("apn", message(IPHONE, topic="com.example.unknown"))
    await gateway.push("apn", message(IPHONE, uniqueId="another"))
    broken, unknown, pinned = await pushed.log()
    assert (broken.reason, broken.kind, broken.device, broken.app) == ("invalid_json", None, None, None)
    assert (unknown.outcome, unknown.reason, unknown.app) == ("rejected", "unknown_topic", None)
    assert (pinned.outcome, pinned.reason) == ("unauthorized", "unique_id_mismatch")
    assert unknown.device == pinned.device
    assert {provider(one) for one in (broken, unknown, pinned)} == {(None, "", 0)}


async def test_strangers_leave_nothing_in_the_log(pushed: Pushed) -> None:
    gateway = await pushed.start()
    assert (await gateway.post("/w/wrong/push/gcm/send", message(ANDROID))).status == 401
    assert (await gateway.post("/push/gcm/send", message(ANDROID))).status == 401
    await gateway.registry.update_workspace("workspace", suspended=True)
    await gateway.gateway.follower.check()
    assert (await gateway.push("gcm", message(ANDROID))).code == "workspace_suspended"
    assert await pushed.log() == []


async def test_a_log_that_cannot_be_written_leaves_the_answers_as_they_are(pushed: Pushed) -> None:
    gateway = await pushed.start()
    await gateway.prove()
    deliveries = gateway.gateway.deliveries
    path = pushed.settings.store.url.path or ""

    def lock() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN EXCLUSIVE")
        return connection

    with closing(await asyncio.to_thread(lock)):
        for _ in range(CAPACITY):
            deliveries.add(delivered("other"))
        answers: list[Answer] = [await gateway.push("gcm", message(ANDROID)) for _ in range(5)]
    assert [answer.status for answer in answers] == [200] * 5
    assert deliveries.statistics().waiting == CAPACITY
    metrics = (await gateway.get(f"{gateway.operator_url}/metrics")).body.decode()
    assert "push_records_waiting 20000.0" in metrics
    assert "push_records_dropped_total 0.0" not in metrics
    ids = {delivery.id for delivery in await pushed.log()}
    assert {answer.headers["X-Request-Id"] for answer in answers} <= ids


async def test_the_log_forgets_what_is_older_than_the_retention(pushed: Pushed, settings: Settings) -> None:
    half_a_day = StoreSettings(url=settings.store.url, delivery_retention=0.5)
    pushed.settings = msgspec.structs.replace(settings, store=half_a_day)
    gateway = await pushed.start()
    now = gateway.gateway.clock.now()
    await gateway.gateway.store.add([delivered("old", at=now - 43_300), delivered("young", at=now - 43_100)])
    async with asyncio.timeout(10):
        while len(found := await gateway.gateway.store.deliveries(DeliveryQuery(), None, 9)) == 2:
            pass
    assert [delivery.id for delivery in found] == ["young"]


async def test_each_route_that_was_tried_is_an_attempt(pushed: Pushed) -> None:
    gateway = await pushed.start()
    app = (await gateway.registry.contents()).apps[0]
    assert app.apns is not None
    await gateway.registry.add_app("other", app.apns, None)
    await gateway.registry.update_workspace("workspace", apps=("app", "other"))
    await gateway.gateway.follower.check()
    pushed.simulator.set_rules([Rule(status=400, reason="BadDeviceToken")])
    await gateway.push("apn", message(IPHONE))
    (found,) = await pushed.log()
    assert provider(found) == (400, "BadDeviceToken", 2)
