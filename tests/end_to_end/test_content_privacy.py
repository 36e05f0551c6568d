"""What Apple, Google and the official gateway get of a workspace that keeps its messages to itself."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.config import DeliverySettings
from gateway.delivery.duplicates import MEMORY_SECONDS
from gateway.model.outbox import OutboxItem
from gateway.model.workspace import FIXED_TEXT, Content
from gateway.providers.credentials import with_topics
from gateway.providers.simulator import Rule, Simulator
from tests.anywhere import ANYWHERE
from tests.clock import ManualClock
from tests.end_to_end.running import ANDROID, IPHONE, PUSHKIT, TOPIC, Answer, credentials, settings_of, start_gateway
from tests.end_to_end.still import Still
from tests.official import Official, official_gateway

OWN_TOPIC = "com.example.chat"
SECRET = "MARKtext"
PERSON = {"_id": "u2", "id": "u2", "type": "user", "username": SECRET, "name": SECRET}
IDS = {"host": "https://chat.example.org/", "rid": "GENERAL", "messageId": "m1"}
MESSAGE = {**IDS, "notificationType": "message", "type": "c", "sender": PERSON, "name": SECRET, "msg": SECRET}
CALL = {"host": IDS["host"], "callId": "c1", "caller": PERSON, "hostName": SECRET, "username": SECRET}
RING = {**CALL, "notificationType": "voip", "type": "incoming_call"}
CONFERENCE = {**CALL, "notificationType": "videoconf", "rid": "GENERAL", "status": 0}
KINDS = pytest.mark.parametrize(("what", "payload"), [("message", MESSAGE), ("ring", RING), ("conference", CONFERENCE)])
PRIVATE = pytest.mark.parametrize("content", [Content.GENERIC, Content.ID_ONLY])
PHONES = pytest.mark.parametrize("phone", [IPHONE, ANDROID], ids=["apn", "gcm"])
OTHERS = Rule(platform="fcm", status=403, reason="SENDER_ID_MISMATCH")


class Private(Still):
    """A gateway with one app, and one workspace whose servers write a secret wherever there is room for it."""

    official: Official

    async def keeps(self, content: Content, **changes: Any) -> None:
        await self.running.registry.update_workspace("workspace", content=content, **changes)
        await self.running.gateway.follower.check()

    async def push(self, token: str = IPHONE, **options: Any) -> Answer:
        await self.clock.advance(0.001)
        payload = options.pop("payload", MESSAGE)
        given = {"uniqueId": "UNIQUEID", "from": "push", "topic": OWN_TOPIC, "title": SECRET, "text": SECRET}
        body = {"token": token, "options": {**given, "notId": 7, "extra": SECRET, "payload": payload, **options}}
        platform = "gcm" if ":" in token else "apn"
        return await self.running.push(platform, body, {"Authorization": "Bearer cloud"})

    @property
    def created(self) -> str:
        return datetime.fromtimestamp(self.clock.now(), UTC).isoformat(timespec="milliseconds")

    @property
    def got(self) -> str:
        """All that Apple and Google got."""
        return "".join(f"{one.headers} {json.dumps(one.payload)}" for one in self.simulator.received)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time.time())


@pytest.fixture
async def simulator(data: Path, clock: ManualClock) -> AsyncIterator[Simulator]:
    """Minutes pass by the gateway's clock."""
    async with Simulator(data, ANYWHERE, clock) as running:
        yield running


@pytest.fixture
def official_tls(data: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(data / "server.pem")
    return context


@pytest.fixture
async def still(
    simulator: Simulator, official_tls: ssl.SSLContext, clock: ManualClock, until: Callable[..., Any]
) -> AsyncIterator[Private]:
    async with AsyncExitStack() as cleanup:
        official = await cleanup.enter_async_context(official_gateway(official_tls))
        settings = await asyncio.to_thread(settings_of, simulator, DeliverySettings())
        forwarding = msgspec.structs.replace(settings.forwarding, url=official.url)
        settings = msgspec.structs.replace(settings, forwarding=forwarding)
        running = await start_gateway(simulator, cleanup, settings, clock)
        apns, fcm = await asyncio.to_thread(credentials, simulator)
        await running.registry.add_app("app", with_topics(apns, (OWN_TOPIC,)), fcm)
        running.secret = (await running.registry.add_workspace("workspace", ("app",))).secret.reveal()
        await running.gateway.follower.check()
        still = Private(running, clock, until)
        still.official = official
        yield still
        simulator.set_rules([])


# What Apple and Google get


@KINDS
@PHONES
async def test_where_everything_may_be_seen_the_text_goes_out(
    still: Private, phone: str, what: str, payload: dict[str, Any]
) -> None:
    assert (await still.push(phone, payload=payload)).code == "delivered"
    assert SECRET in still.got


@KINDS
@PHONES
@PRIVATE
async def test_nothing_that_anybody_wrote_reaches_apple_or_google(
    still: Private, content: Content, phone: str, what: str, payload: dict[str, Any]
) -> None:
    await still.keeps(content)
    assert (await still.push(phone, payload=payload)).code == "delivered"
    assert SECRET not in still.got


@PRIVATE
async def test_an_iphone_shows_the_fixed_text_and_gets_the_ids(still: Private, content: Content) -> None:
    await still.keeps(content)
    await still.push()
    (got,) = still.simulator.received
    assert got.payload["aps"]["alert"] in (FIXED_TEXT, {"body": FIXED_TEXT})
    opened = json.loads(got.payload["ejson"])
    room = {"host": IDS["host"], "messageId": "m1"}
    if content is Content.GENERIC:
        nobody = {"_id": "", "username": ""}
        assert opened == {**room, "rid": "GENERAL", "type": "c", "notificationType": "message", "sender": nobody}
    else:
        assert opened == {**room, "notificationType": "message-id-only"}


@PRIVATE
async def test_an_android_phone_gets_the_fixed_text_and_the_ids(still: Private, content: Content) -> None:
    await still.keeps(content, fixed_text="Es gibt etwas Neues")
    await still.push(ANDROID)
    (got,) = still.simulator.received
    assert got.payload["data"]["message"] == "Es gibt etwas Neues"
    opened = json.loads(got.payload["data"]["ejson"])
    kind = "message" if content is Content.GENERIC else "message-id-only"
    assert (opened["host"], opened["messageId"], opened["notificationType"]) == (IDS["host"], "m1", kind)


@PRIVATE
async def test_a_call_rings_by_the_name_of_the_server(still: Private, content: Content) -> None:
    await still.keeps(content)
    assert (await still.push(PUSHKIT, payload=RING, topic=f"{OWN_TOPIC}.voip")).code == "delivered"
    (got,) = still.simulator.received
    assert "chat.example.org" in json.dumps(got.payload)
    assert SECRET not in still.got


async def test_what_is_too_large_for_its_text_shows_that_of_its_workspace(still: Private) -> None:
    await still.keeps(Content.FULL, fixed_text="Es gibt etwas Neues")
    assert (await still.push(text="x" * 5000)).code == "delivered"
    (got,) = still.simulator.received
    assert got.payload["aps"]["alert"] == "Es gibt etwas Neues"


async def test_a_change_counts_from_the_next_push_on(still: Private) -> None:
    await still.keeps(Content.GENERIC)
    await still.push()
    assert SECRET not in still.got
    await still.keeps(Content.FULL)
    await still.push(notId=8)
    assert SECRET in still.got


# What is stored, and sent later


@PHONES
@PRIVATE
async def test_what_is_stored_holds_nothing_that_anybody_wrote(still: Private, content: Content, phone: str) -> None:
    await still.keeps(content)
    still.simulator.set_rules([Rule(status=503, times=1)])
    assert (await still.push(phone)).code == "stored_later"
    (item,) = await still.running.gateway.store.page(OutboxItem, None, 9)
    assert SECRET not in msgspec.json.encode(item.notification).decode()
    await still.received(2)
    assert SECRET not in still.got


async def test_what_was_stored_before_goes_out_as_it_was_allowed_then(still: Private) -> None:
    """The sender was told 200 for the push as it was; what an operator changes is for those that come."""
    await still.keeps(Content.GENERIC)
    still.simulator.set_rules([Rule(status=503, times=1)])
    assert (await still.push()).code == "stored_later"
    await still.keeps(Content.FULL)
    await still.received(2)
    assert SECRET not in still.got


@PHONES
@PRIVATE
async def test_the_same_push_again_is_known(still: Private, content: Content, phone: str) -> None:
    await still.keeps(content)
    created = still.created
    codes = [(await still.push(phone, createdAt=created)).code for _ in range(2)]
    assert codes == ["delivered", "duplicate"]
    assert (await still.push(phone, createdAt=created, payload={**MESSAGE, "messageId": "m2"})).code == "delivered"


@PRIVATE
async def test_the_same_push_again_after_minutes_is_known_while_it_is_stored(still: Private, content: Content) -> None:
    await still.keeps(content)
    still.simulator.set_rules([Rule(status=503)])
    created = still.created
    assert (await still.push(createdAt=created)).code == "stored_later"
    await still.clock.advance(MEMORY_SECONDS + 1.0)
    assert (await still.push(createdAt=created)).code == "duplicate"
    still.simulator.set_rules([])
    await still.empty()
    await still.log()
    await still.clock.advance(MEMORY_SECONDS + 1.0)
    assert (await still.push(createdAt=created)).code == "duplicate"
    assert [one.status for one in still.simulator.received].count(200) == 1


@PRIVATE
async def test_a_push_is_known_again_when_less_may_be_seen_of_it(still: Private, content: Content) -> None:
    created = still.created
    assert (await still.push(createdAt=created)).code == "delivered"
    await still.keeps(content)
    assert (await still.push(createdAt=created)).code == "duplicate"


@PRIVATE
async def test_a_push_is_known_again_by_numbers_that_do_not_go_out(still: Private, content: Content) -> None:
    await still.keeps(content)
    unseen = {"createdAt": "some day", "notId": None, "payload": {**MESSAGE, "messageId": "m 1"}}
    assert [(await still.push(**unseen)).code for _ in range(2)] == ["delivered", "duplicate"]


# What the official gateway gets


@PRIVATE
async def test_the_official_gateway_gets_the_rewritten_request(still: Private, content: Content) -> None:
    await still.keeps(content, forward=True)
    assert (await still.push(IPHONE, topic=TOPIC)).code == "forwarded"
    still.simulator.set_rules([OTHERS])
    assert (await still.push(ANDROID)).code == "forwarded"
    for got, token in zip(still.official.received, (IPHONE, ANDROID), strict=True):
        assert SECRET.encode() not in got.body
        request = json.loads(got.body)
        assert request.keys() == {"token", "options"}
        assert (request["token"], request["options"]["text"]) == (token, FIXED_TEXT)
        assert (request["options"]["uniqueId"], request["options"]["payload"]["messageId"]) == ("UNIQUEID", "m1")
        assert got.headers["Authorization"] == "Bearer cloud"


async def test_the_official_gateway_gets_all_where_all_may_be_seen(still: Private) -> None:
    await still.keeps(Content.FULL, forward=True)
    assert (await still.push(IPHONE, topic=TOPIC)).code == "forwarded"
    assert SECRET.encode() in still.official.received[0].body


# What is refused


async def test_a_push_that_is_none_is_refused_as_ever(still: Private) -> None:
    await still.keeps(Content.GENERIC)
    assert (await still.running.push("apn", b"{broken")).code == "invalid_json"
    assert (await still.push(uniqueId="")).code == "unique_id_missing"
