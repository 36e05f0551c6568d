"""The official app beside the workspace's own: what is not for an own app goes on to the official gateway."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.app import following
from gateway.config import DeliverySettings, Settings
from gateway.delivery.devices import device_hash
from gateway.delivery.forwarding import LANE, PAUSE_SECONDS
from gateway.delivery.owners import FOREIGN_SECONDS
from gateway.model.app import OFFICIAL_GATEWAY
from gateway.model.device import Device
from gateway.model.notice import NoticeKind
from gateway.providers.credentials import with_topics
from gateway.providers.simulator import Rule, Simulator
from tests.anywhere import ANYWHERE
from tests.clock import ManualClock
from tests.end_to_end.running import (
    ANDROID,
    IPHONE,
    PUSHKIT,
    TOPIC,
    Answer,
    credentials,
    message,
    settings_of,
    start_gateway,
)
from tests.end_to_end.still import Still
from tests.end_to_end.test_store_trouble import Store
from tests.official import Official

Start = Callable[..., AbstractAsyncContextManager["Forwarding"]]

OWN_TOPIC = "com.example.chat"
BEARER = "MARKcloud"
OTHERS = Rule(platform="fcm", status=403, reason="SENDER_ID_MISMATCH")
DOWN = Rule(platform="fcm", status=503)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time.time())


@pytest.fixture
async def simulator(data: Path, clock: ManualClock) -> AsyncIterator[Simulator]:
    """Google's tokens last by the gateway's clock, and answers are held back by it."""
    async with Simulator(data, ANYWHERE, clock) as running:
        yield running


@pytest.fixture
def settings(simulator: Simulator, official: Official) -> Settings:
    settings = settings_of(simulator, DeliverySettings())
    return msgspec.structs.replace(settings, forwarding=msgspec.structs.replace(settings.forwarding, url=official.url))


class Forwarding(Still):
    """A gateway with one app of its own on both platforms, and a workspace that may forward."""

    official: Official

    async def push(self, token: str = ANDROID, bearer: str = BEARER, **options: Any) -> Answer:
        await self.clock.advance(0.001)
        platform = "gcm" if ":" in token else "apn"
        body = message(token, **options)
        return await self.running.push(platform, body, {"Authorization": f"Bearer {bearer}"})

    async def device(self, token: str = ANDROID) -> Device | None:
        await self.passes(lambda: self.running.gateway.devices.statistics().waiting == 0)
        return await self.running.gateway.devices.known(device_hash(self.running.gateway.vault, token))

    async def change(self, **changes: Any) -> None:
        await self.running.registry.update_workspace("workspace", **changes)
        await self.running.gateway.follower.check()

    @property
    def forwards(self) -> int:
        return len(self.official.received)


async def registered(still: Forwarding) -> str:
    """Return the workspace's secret."""
    apns, fcm = await asyncio.to_thread(credentials, still.simulator)
    await still.running.registry.add_app("app", with_topics(apns, (OWN_TOPIC,)), fcm)
    still.running.secret = (await still.running.registry.add_workspace("workspace", ("app",))).secret.reveal()
    await still.change(forward=True)
    return still.running.secret


@pytest.fixture
def running(
    simulator: Simulator, official: Official, settings: Settings, clock: ManualClock, until: Callable[..., Any]
) -> Start:
    """Starts a gateway on the test's store; days pass faster where nobody looks after stored pushes."""

    @asynccontextmanager
    async def running(works_off: bool = True) -> AsyncIterator[Forwarding]:
        async with AsyncExitStack() as cleanup:
            still = Forwarding(await start_gateway(simulator, cleanup, settings, clock, works_off), clock, until)
            still.official = official
            yield still
            official.gate.set()
            simulator.set_rules([])

    return running


@pytest.fixture
async def still(running: Start) -> AsyncIterator[Forwarding]:
    async with running() as still:
        await registered(still)
        yield still


# What goes on


async def test_the_official_apps_push_goes_on_as_it_came(still: Forwarding) -> None:
    body = json.dumps({**message(IPHONE), "newer": [1, None]}, indent=3).encode()
    answer = await still.running.push("apn", body, {"Authorization": f"Bearer {BEARER}"})
    assert (answer.status, answer.body, answer.code) == (200, b"", "forwarded")
    (got,) = still.official.received
    assert (got.path, got.body, got.headers["Authorization"]) == ("/push/apn/send", body, f"Bearer {BEARER}")
    assert still.simulator.received == []


async def test_a_call_to_the_official_app_goes_on(still: Forwarding) -> None:
    ring = {"notificationType": "voip", "type": "incoming_call", "createdAt": datetime.now(UTC).isoformat()}
    answer = await still.push(PUSHKIT, topic=f"{TOPIC}.voip", payload=ring)
    assert answer.code == "forwarded"


async def test_a_call_that_is_over_goes_nowhere(still: Forwarding) -> None:
    await still.clock.advance(61.0)
    ring = {"notificationType": "voip", "type": "incoming_call", "createdAt": datetime.now(UTC).isoformat()}
    assert (await still.push(PUSHKIT, topic=f"{TOPIC}.voip", payload=ring)).code == "voip_expired"
    assert still.forwards == 0


async def test_a_call_that_ends_while_own_apps_are_asked_goes_no_further(still: Forwarding) -> None:
    still.simulator.set_rules([msgspec.structs.replace(OTHERS, delay_ms=6000)])
    created = datetime.fromtimestamp(still.clock.now() - 55.0, UTC).isoformat()
    ring = {"notificationType": "voip", "type": "incoming_call", "createdAt": created}
    pushing = asyncio.create_task(still.push(payload=ring))
    await still.simulator.next_received()
    await still.clock.advance(6.1)
    answer = await pushing
    assert (answer.status, answer.code) == (503, "fcm_unanswered")
    assert still.forwards == 0


async def test_an_own_app_of_that_topic_goes_first(still: Forwarding) -> None:
    apns, _ = await asyncio.to_thread(credentials, still.simulator)
    await still.running.registry.replace_credentials("app", apns, None)
    await still.running.gateway.follower.check()
    assert (await still.push(IPHONE)).code == "delivered"
    assert still.forwards == 0


@pytest.mark.parametrize(("topic", "code"), [(OWN_TOPIC, "delivered"), ("com.example.other", "unknown_topic")])
async def test_other_topics_are_none_of_the_official_gateways(still: Forwarding, topic: str, code: str) -> None:
    assert (await still.push(IPHONE, topic=topic)).code == code
    assert still.forwards == 0


async def test_only_a_workspace_that_may_forwards(still: Forwarding) -> None:
    await still.change(forward=False)
    assert (await still.push(IPHONE)).code == "unknown_topic"
    still.simulator.set_rules([OTHERS])
    assert (await still.push(ANDROID)).code == "fcm_sender_id_mismatch"
    assert still.forwards == 0


async def test_an_android_token_that_no_own_app_knows_goes_on_and_the_next_time_at_once(still: Forwarding) -> None:
    still.simulator.set_rules([OTHERS])
    assert (await still.push()).code == "forwarded"
    assert (await still.push(notId=8)).code == "forwarded"
    assert [got.path for got in still.official.received] == ["/push/gcm/send"] * 2
    assert len(still.simulator.received) == 1


async def test_an_own_apps_android_token_stays(still: Forwarding) -> None:
    assert (await still.push()).code == "delivered"
    assert still.forwards == 0


async def test_every_own_app_is_asked_first(still: Forwarding) -> None:
    _, fcm = await asyncio.to_thread(credentials, still.simulator)
    await still.running.registry.add_app("second", None, fcm)
    await still.change(apps=("app", "second"))
    still.simulator.set_rules([msgspec.structs.replace(OTHERS, times=1)])
    assert (await still.push()).code == "delivered"
    assert (len(still.simulator.received), still.forwards) == (2, 0)


async def test_without_an_android_app_of_its_own_a_workspace_forwards_at_once(still: Forwarding) -> None:
    await still.change(apps=())
    assert (await still.push()).code == "forwarded"
    assert still.simulator.received == []


async def test_the_same_push_again_goes_on_once(still: Forwarding) -> None:
    await still.change(apps=())
    created = {"createdAt": datetime.now(UTC).isoformat()}
    assert [(await still.push(**created)).code for _ in range(2)] == ["forwarded", "duplicate"]
    assert still.forwards == 1


# What is remembered of a device


async def test_a_token_is_remembered_across_a_restart_for_a_day(running: Start, clock: ManualClock) -> None:
    async with running(works_off=False) as still:
        secret = await registered(still)
        still.simulator.set_rules([OTHERS])
        assert (await still.push()).code == "forwarded"
        assert len(still.simulator.received) == 1
    for seconds, asked in ((FOREIGN_SECONDS - 10.0, 1), (20.0, 2)):
        await clock.advance(seconds)
        async with running(works_off=False) as still:
            still.running.secret = secret
            still.simulator.set_rules([OTHERS])
            assert (await still.push(notId=asked)).code == "forwarded"
            assert len(still.simulator.received) == asked


async def test_own_apps_are_asked_again_when_they_have_changed(still: Forwarding) -> None:
    still.simulator.set_rules([msgspec.structs.replace(OTHERS, times=1)])
    assert (await still.push()).code == "forwarded"
    _, fcm = await asyncio.to_thread(credentials, still.simulator)
    await still.running.registry.add_app("second", None, fcm)
    await still.change(apps=("app", "second"))
    assert (await still.push(notId=8)).code == "delivered"


async def test_without_the_store_a_process_remembers_what_it_has_heard_itself(still: Forwarding, data: Path) -> None:
    store = Store(data / "gateway.db")
    await store.goes()
    still.simulator.set_rules([OTHERS])
    assert [(await still.push(notId=number)).code for number in (7, 8)] == ["forwarded"] * 2
    assert len(still.simulator.received) == 1
    await store.returns()


# What may be stored


async def test_of_an_unknown_device_the_verdict_is_waited_for(still: Forwarding) -> None:
    still.simulator.set_rules([msgspec.structs.replace(OTHERS, delay_ms=6000)])
    pushing = asyncio.create_task(still.push())
    await still.simulator.next_received()
    await still.clock.advance(5.9)
    assert not pushing.done()
    await still.clock.advance(0.2)
    assert (await pushing).code == "forwarded"
    assert (await still.running.gateway.store.outbox.count()).total == 0


async def test_a_push_to_an_own_apps_device_is_stored_as_ever(still: Forwarding) -> None:
    assert (await still.push()).code == "delivered"
    still.simulator.clear()
    still.simulator.set_rules([Rule(platform="fcm", delay_ms=6000)])
    pushing = asyncio.create_task(still.push(notId=8))
    await still.simulator.next_received()
    await still.clock.advance(0.6)
    assert (await pushing).code == "stored_slow"
    await still.empty()


async def test_what_was_stored_for_an_own_app_and_is_none_of_its_ends_there_and_the_next_goes_on(
    still: Forwarding,
) -> None:
    still.simulator.set_rules([msgspec.structs.replace(DOWN, times=1), OTHERS])
    assert (await still.push()).code == "stored_later"
    await still.empty()
    assert [(one.outcome, one.reason) for one in await still.log()] == [("rejected", "fcm_sender_id_mismatch")]
    asked = len(still.simulator.received)
    await still.out_of_line(ANDROID)
    assert (await still.push(notId=8)).code == "forwarded"
    assert (len(still.simulator.received), still.forwards) == (asked, 1)


# What the official gateway says goes back


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        (200, 200, "forwarded"),
        (202, 200, "forwarded"),
        (401, 401, "forwarded_unauthorized"),
        (406, 406, "forwarded_token_dead"),
        (422, 422, "forwarded_rejected"),
        (400, 400, "forwarded_later"),
        (404, 404, "forwarded_later"),
        (429, 429, "forwarded_later"),
        (500, 500, "forwarded_later"),
        (503, 503, "forwarded_later"),
        (307, 503, "forwarding_failed"),
    ],
)
async def test_its_status_goes_back(still: Forwarding, said: int, status: int, code: str) -> None:
    still.official.status = said
    answer = await still.push(IPHONE)
    assert (answer.status, answer.code) == (status, code)
    assert (await still.running.gateway.store.outbox.count()).total == 0


async def test_what_it_asks_to_wait_goes_back(still: Forwarding) -> None:
    still.official.status, still.official.headers = 429, {"Retry-After": "120"}
    assert (await still.push(IPHONE)).headers["Retry-After"] == "120"


async def test_its_406_is_not_passed_on_for_a_token_that_an_own_app_has_delivered_to(still: Forwarding) -> None:
    assert (await still.push(IPHONE, topic=OWN_TOPIC)).code == "delivered"
    still.official.status = 406
    answer = await still.push(IPHONE, notId=8)
    assert (answer.status, answer.code) == (422, "forwarded_token_kept")
    device = await still.device(IPHONE)
    assert device is not None
    assert (device.app, device.dead_reason) == ("app", None)


async def test_its_406_is_passed_on_for_a_token_that_only_it_has_taken_pushes_for(still: Forwarding) -> None:
    assert (await still.push(IPHONE)).code == "forwarded"
    still.official.status = 406
    assert (await still.push(IPHONE, notId=8)).status == 406
    device = await still.device(IPHONE)
    assert device is not None
    assert device.dead_reason == "forwarded_token_dead"


async def test_its_406_waits_for_a_registry_that_cannot_be_asked(still: Forwarding, data: Path) -> None:
    still.official.status = 406
    store = Store(data / "gateway.db")
    await store.goes()
    answer = await still.push(IPHONE)
    assert (answer.status, answer.code) == (503, "store_unavailable")
    await store.returns()


async def test_its_422_pauses_forwarding_for_an_hour(still: Forwarding) -> None:
    still.official.status = 422
    assert (await still.push(IPHONE)).code == "forwarded_rejected"
    still.official.status = 200
    await still.clock.advance(PAUSE_SECONDS - 10.0)
    still.simulator.set_rules([OTHERS])
    for token in (IPHONE, ANDROID):
        paused = await still.push(token, notId=8)
        assert (paused.status, paused.code) == (422, "forwarding_paused")
    assert still.forwards == 1
    await still.clock.advance(10.0)
    assert [(await still.push(token, notId=9)).code for token in (IPHONE, ANDROID)] == ["forwarded"] * 2
    assert len(still.simulator.received) == 1


async def test_a_pause_is_one_workspaces_own(still: Forwarding) -> None:
    still.official.status = 422
    assert (await still.push(IPHONE)).code == "forwarded_rejected"
    still.official.status = 200
    other = await still.running.registry.add_workspace("other", ())
    await still.running.registry.update_workspace("other", forward=True)
    await still.running.gateway.follower.check()
    still.running.secret = other.secret.reveal()
    assert (await still.push(IPHONE, notId=8)).code == "forwarded"


async def test_a_pause_is_known_to_all_gateways_on_the_store(still: Forwarding, running: Start) -> None:
    async with running() as other, following(still.running.gateway), following(other.running.gateway):
        other.running.secret = still.running.secret
        await other.running.gateway.follower.check()
        still.official.status = 422
        assert (await still.push(IPHONE)).code == "forwarded_rejected"
        notices = other.running.gateway.notices
        await other.passes(lambda: notices.standing(NoticeKind.FORWARDING_PAUSED, "workspace"))
        assert (await other.push(IPHONE, notId=8)).code == "forwarding_paused"


# When it fails


@pytest.fixture
def nowhere(settings: Settings) -> Settings:
    forwarding = msgspec.structs.replace(settings.forwarding, url="https://127.0.0.1:1")
    return msgspec.structs.replace(settings, forwarding=forwarding)


async def test_no_connection_is_for_later_and_nothing_is_stored(
    simulator: Simulator, nowhere: Settings, clock: ManualClock, until: Callable[..., Any]
) -> None:
    async with AsyncExitStack() as cleanup:
        still = Forwarding(await start_gateway(simulator, cleanup, nowhere, clock), clock, until)
        await registered(still)
        answer = await still.push(IPHONE)
        assert (answer.status, answer.code) == (503, "forwarding_failed")
        assert "connect_failed" in answer.document["error"]
        assert (await still.running.gateway.store.outbox.count()).total == 0


async def test_an_answer_is_waited_for_ten_seconds(still: Forwarding) -> None:
    still.official.gate.clear()
    pushing = asyncio.create_task(still.push(IPHONE))
    await still.official.arrived()
    await still.clock.advance(9.9)
    assert not pushing.done()
    await still.clock.advance(0.2)
    answer = await pushing
    assert (answer.status, answer.code) == (503, "forwarding_failed")


async def test_while_it_answers_nobody_no_server_waits_for_it(still: Forwarding) -> None:
    still.official.status = 503
    while LANE not in still.running.gateway.owed.breakers.resting():
        assert (await still.push(f"{still.forwards:064x}")).code == "forwarded_later"
        await still.clock.advance(0.5)
    before = still.forwards
    assert (await still.push(IPHONE)).code == "forwarding_failed"
    assert still.forwards == before
    still.official.status = 200
    await still.clock.advance(20.0)
    assert (await still.push(IPHONE)).code == "forwarded"


async def test_what_it_says_of_one_workspace_keeps_no_other_waiting(still: Forwarding) -> None:
    still.official.status = 400
    for number in range(8):
        assert (await still.push(f"{number:064x}")).status == 400
        await still.clock.advance(0.5)
    assert LANE not in still.running.gateway.owed.breakers.resting()


# The bearer


async def test_a_secret_of_ours_never_goes_on(still: Forwarding) -> None:
    secret = still.running.secret
    ours = {"Authorization": f"Bearer {secret}"}
    assert (await still.running.post("/push/apn/send", message(IPHONE), ours)).code == "unknown_topic"
    assert (await still.push(IPHONE, bearer=secret)).code == "unknown_topic"
    assert still.forwards == 0


async def test_an_unregistered_servers_empty_bearer_goes_on_as_it_is(still: Forwarding) -> None:
    still.official.status = 401
    assert (await still.push(IPHONE, bearer="")).code == "forwarded_unauthorized"
    assert still.official.received[0].headers["Authorization"] == "Bearer"


async def test_what_was_forwarded_once_is_not_forwarded_again(still: Forwarding) -> None:
    assert (await still.push(IPHONE)).code == "forwarded"
    got = still.official.received[0]
    again = {"Authorization": got.headers["Authorization"], "Via": got.headers["Via"]}
    assert (await still.running.push("apn", got.body, again)).code == "unknown_topic"


async def test_the_bearer_is_kept_nowhere(still: Forwarding, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    still.simulator.set_rules([msgspec.structs.replace(DOWN, times=1), OTHERS])
    assert (await still.push()).code == "stored_later"
    assert (await still.push(IPHONE)).code == "forwarded"
    still.official.status = 500
    assert (await still.push(IPHONE, notId=8)).status == 500
    await still.empty()
    await still.log()
    files = await asyncio.to_thread(lambda: [file.read_bytes() for file in data.glob("gateway.db*")])
    assert files and not any(BEARER.encode() in content for content in files)
    metrics = await still.running.get(f"{still.running.operator_url}/metrics")
    assert BEARER not in metrics.body.decode() + capsys.readouterr().out


# What is told of it


async def test_the_log_the_metrics_and_the_registry_tell_of_a_forward(still: Forwarding) -> None:
    still.simulator.set_rules([OTHERS])
    assert (await still.push()).code == "forwarded"
    (entry,) = await still.log()
    assert (entry.app, entry.outcome, entry.reason, entry.provider_status, entry.attempts) == (
        OFFICIAL_GATEWAY,
        "delivered",
        "forwarded",
        200,
        2,
    )
    value = still.running.gateway.metrics.registry.get_sample_value
    assert value("push_provider_request_seconds_count", {"provider": "upstream"}) == 1
    labels = {"platform": "gcm", "app": OFFICIAL_GATEWAY, "outcome": "delivered", "reason": "forwarded"}
    assert value("push_requests_total", labels) == 1
