"""Apple's double: every rule it checks, and every answer it can be told to give."""

import asyncio
import ssl
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.providers.simulator import Rule, Simulator
from gateway.providers.simulator.apns_reasons import STATUS_OF
from gateway.providers.simulator.apple_certificate import PRODUCTION, apple_extensions
from gateway.providers.simulator.certificates import KeyPair, new_client_certificate, private_pem
from gateway.providers.simulator.provider_tokens import UPDATES_ALLOWED
from tests.providers.simulator.conftest import TOKEN, TOPIC
from tests.providers.simulator.h2_client import H2Client

APNS_ID = "eabeae54-14a8-11e5-b60b-1697f925ec7b"
BACKGROUND = {"aps": {"content-available": 1}}


async def test_a_good_push_is_taken_and_shown(simulator, apns, push, clock):
    reply = await push(apns, apns_id=APNS_ID, apns_collapse_id="x", apns_expiration="0")
    assert (reply.status, reply.body, reply.headers["apns-id"]) == (200, b"", APNS_ID)
    (entry,) = simulator.received
    assert (entry.at, entry.platform, entry.environment) == (clock.now(), "apns", "production")
    assert (entry.token, entry.status, entry.reason, entry.apns_id) == (TOKEN, 200, None, APNS_ID)
    assert entry.payload == {"aps": {"alert": "hello"}}
    assert entry.headers["apns-topic"] == TOPIC
    assert entry.headers["authorization"] == "bearer ***"


async def test_an_id_is_made_when_none_is_given(apns, push):
    reply = await push(apns)
    assert UUID(reply.headers["apns-id"])


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"method": "GET"}, 405, "MethodNotAllowed"),
        ({"path": "/"}, 404, "BadPath"),
        ({"path": "/3/device/ab/cd"}, 404, "BadPath"),
        ({"path": "/3/device/"}, 400, "MissingDeviceToken"),
        ({"path": "/3/device"}, 400, "MissingDeviceToken"),
        ({"token": "abc"}, 400, "BadDeviceToken"),
        ({"token": "xy"}, 400, "BadDeviceToken"),
        ({"token": "ab?"}, 400, "BadDeviceToken"),
        ({"token": "0" * 64}, 400, "BadDeviceToken"),
        ({"apns_id": "1"}, 400, "BadMessageId"),
        ({"apns_id": "{eabeae54-14a8-11e5-b60b-1697f925ec7b}"}, 400, "BadMessageId"),
        ({"apns_priority": "7"}, 400, "BadPriority"),
        ({"apns_expiration": "soon"}, 400, "BadExpirationDate"),
        ({"apns_expiration": "1.5"}, 400, "BadExpirationDate"),
        ({"apns_collapse_id": "ä" * 33}, 400, "BadCollapseId"),
        ({"apns_push_type": "loud"}, 400, "InvalidPushType"),
        ({"extra": [("apns-topic", TOPIC)]}, 400, "DuplicateHeaders"),
        ({"apns_topic": None}, 400, "MissingTopic"),
        ({"apns_topic": "no topic"}, 400, "BadTopic"),
        ({"apns_topic": "a..b"}, 400, "BadTopic"),
        ({"apns_push_type": "voip"}, 400, "BadTopic"),
        ({"apns_topic": f"{TOPIC}.voip"}, 400, "InvalidPushType"),
        ({"apns_topic": f"{TOPIC}.voip", "apns_push_type": None}, 400, "InvalidPushType"),
        ({"payload": b""}, 400, "PayloadEmpty"),
        ({"payload": b"{}"}, 400, "PayloadEmpty"),
        ({"payload": b"[]"}, 400, "PayloadEmpty"),
        ({"payload": b"{"}, 400, "PayloadEmpty"),
        ({"payload": b"\xff"}, 400, "PayloadEmpty"),
        ({"payload": b"[" * 9000}, 413, "PayloadTooLarge"),
        ({"payload": {"aps": {}, "x": "y" * 4077}}, 413, "PayloadTooLarge"),
        ({"payload": b"x" * 100_000}, 413, "PayloadTooLarge"),
        ({"payload": BACKGROUND, "apns_push_type": "background"}, 400, "BadPriority"),
        ({"payload": BACKGROUND, "apns_push_type": "background", "apns_priority": None}, 400, "BadPriority"),
        ({"apns_push_type": "background", "apns_priority": "5"}, 400, "InvalidPushType"),
        (
            {
                "payload": {"aps": {"content-available": 1, "badge": 0}},
                "apns_push_type": "background",
                "apns_priority": "5",
            },
            400,
            "InvalidPushType",
        ),
        ({"authorization": None}, 403, "MissingProviderToken"),
        ({"authorization": "bearer"}, 403, "InvalidProviderToken"),
        ({"authorization": "bearer x.y.z"}, 403, "InvalidProviderToken"),
        ({"authorization": "basic eA=="}, 403, "InvalidProviderToken"),
    ],
)
async def test_a_bad_push_is_refused(simulator, apns, push, changed, status, reason):
    reply = await push(apns, **changed)
    assert (reply.status, reply.json) == (status, {"reason": reason})
    assert reply.headers["apns-id"]
    (entry,) = simulator.received
    assert (entry.status, entry.reason) == (status, reason)


@pytest.mark.parametrize(
    "changed",
    [
        {"apns_push_type": None},
        {"apns_priority": "1"},
        {"apns_collapse_id": "ä" * 32},
        {"apns_id": APNS_ID.upper()},
        {"payload": {"aps": {}, "x": "y" * 4076}},
        {"payload": BACKGROUND, "apns_push_type": "background", "apns_priority": "5"},
        {"payload": {"aps": {}, "x": "y" * 5100}, "apns_push_type": "voip", "apns_topic": f"{TOPIC}.voip"},
        {"apns_topic": "com.example.white-label"},
        {"extra": [("user-agent", "a"), ("user-agent", "b")]},
    ],
)
async def test_what_apple_allows_is_taken(apns, push, changed):
    assert (await push(apns, **changed)).status == 200


async def test_a_voip_payload_has_a_limit_too(apns, push):
    big = {"aps": {}, "x": "y" * 5101}
    reply = await push(apns, payload=big, apns_push_type="voip", apns_topic=f"{TOPIC}.voip")
    assert (reply.status, reply.json["reason"]) == (413, "PayloadTooLarge")


async def test_a_payload_that_is_not_json_is_shown_as_null(simulator, apns, push):
    await push(apns, payload=b"{")
    assert simulator.received[0].payload is None


OTHER_KEY = private_pem(ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize(
    ("spoiled", "reason"),
    [
        ({"kid": "OTHERKEY01"}, "InvalidProviderToken"),
        ({"team": "OTHERTEAM1"}, "InvalidProviderToken"),
        ({"team": None}, "InvalidProviderToken"),
        ({"signer": OTHER_KEY}, "InvalidProviderToken"),
        ({"signer": "x" * 32, "alg": "HS256"}, "InvalidProviderToken"),
        ({"age": 3601}, "ExpiredProviderToken"),
        ({"age": -301}, "InvalidProviderToken"),
    ],
)
async def test_a_bad_provider_token_is_refused(apns, push, provider_token, spoiled, reason):
    reply = await push(apns, authorization=f"bearer {provider_token(**spoiled)}")
    assert (reply.status, reply.json) == (403, {"reason": reason})


async def test_a_provider_token_grows_old(apns, push, clock):
    assert (await push(apns)).status == 200
    await clock.advance(3601)
    assert (await push(apns)).json == {"reason": "ExpiredProviderToken"}


async def test_the_scheme_is_read_in_any_case(apns, push, provider_token):
    assert (await push(apns, authorization=f"Bearer {provider_token()}")).status == 200


async def test_too_many_provider_tokens_are_refused_for_a_while(apns, push, provider_token, clock):
    for _ in range(UPDATES_ALLOWED):
        assert (await push(apns, authorization=f"bearer {provider_token()}")).status == 200
    reply = await push(apns, authorization=f"bearer {provider_token()}")
    assert (reply.status, reply.json) == (429, {"reason": "TooManyProviderTokenUpdates"})
    await clock.advance(1200)
    assert (await push(apns, authorization=f"bearer {provider_token()}")).status == 200


async def test_one_stream_until_a_provider_token_was_accepted(apns, push, until):
    await push(apns, authorization=None)
    assert apns.stream_limits == [1]
    await push(apns)
    await until(lambda: apns.stream_limits == [1, 1000])
    await push(apns)
    assert apns.stream_limits == [1, 1000]


async def test_a_valid_provider_token_counts_even_when_the_push_is_refused(apns, push, until):
    await push(apns, token="abc")
    await until(lambda: apns.stream_limits == [1, 1000])


async def test_streams_above_the_limit_are_refused_alone(simulator, apns, push, clock, until):
    simulator.set_rules([Rule(delay_ms=1000, times=1)])
    first = asyncio.create_task(push(apns))
    await until(lambda: simulator.received)
    apns.h2.remote_settings[3] = 10  # a client that has not read the limit yet
    apns.h2.remote_settings.acknowledge()
    assert (await push(apns)).reset == 7
    await clock.advance(1)
    assert (await first).status == 200


async def test_a_certificate_needs_no_provider_token(certified, push):
    assert (await push(certified, authorization=None)).status == 200
    assert certified.stream_limits == [1000]
    assert (await push(certified, authorization="bearer ignored")).status == 200


@pytest.mark.parametrize(
    ("topic", "reason"),
    [("com.example.other", "TopicDisallowed"), (None, "MissingTopic"), ("no topic", "BadTopic")],
)
async def test_a_certificate_is_for_its_topics(certified, push, topic, reason):
    reply = await push(certified, authorization=None, apns_topic=topic)
    assert (reply.status, reply.json) == (400, {"reason": reason})


async def test_a_certificate_is_for_voip_too(certified, push):
    reply = await push(certified, authorization=None, apns_topic=f"{TOPIC}.voip", apns_push_type="voip")
    assert reply.status == 200


def client_context(folder: Path, data: Path, extensions) -> ssl.SSLContext:
    authority = KeyPair.read((data / "ca.pem").read_bytes(), (data / "ca-key.pem").read_bytes())
    pair = new_client_certificate(authority, "com.example.one", extensions)
    (folder / "client.pem").write_bytes(pair.certificate_pem + pair.key_pem)
    context = ssl.create_default_context(cafile=str(data / "ca.pem"))
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(str(folder / "client.pem"))
    return context


@pytest.fixture
def one_topic(tmp_path, data):
    return client_context(tmp_path, data, apple_extensions([("com.example." + "o" * 200, "app")]))


@pytest.fixture
def sandbox_only(tmp_path, data):
    extensions = apple_extensions([(TOPIC, "app")])
    return client_context(tmp_path, data, [each for each in extensions if each.oid != PRODUCTION])


@pytest.fixture
def bare(tmp_path, data):
    return client_context(tmp_path, data, [])


async def test_a_certificate_for_one_topic_needs_no_topic_header(simulator, one_topic, push):
    async with H2Client(simulator.apns_url, one_topic) as client:
        assert (await push(client, authorization=None, apns_topic=None)).status == 200


async def test_a_sandbox_certificate_is_refused_in_production(simulator, sandbox_only, push):
    async with H2Client(simulator.apns_url, sandbox_only) as client:
        reply = await push(client, authorization=None)
        assert (reply.status, reply.json) == (403, {"reason": "BadCertificateEnvironment"})
    async with H2Client(simulator.apns_sandbox_url, sandbox_only) as client:
        assert (await push(client, authorization=None)).status == 200


async def test_a_certificate_without_apples_extensions_is_good_for_nothing(simulator, bare, push):
    async with H2Client(simulator.apns_url, bare) as client:
        assert (await push(client, authorization=None)).json == {"reason": "BadCertificateEnvironment"}


async def test_the_sandbox_is_another_door(simulator, tls, push):
    async with H2Client(simulator.apns_sandbox_url, tls) as client:
        assert (await push(client)).status == 200
    assert simulator.received[0].environment == "sandbox"


@pytest.mark.parametrize(("reason", "status"), STATUS_OF.items())
async def test_every_reason_of_apples_can_be_ordered(simulator, apns, push, clock, reason, status):
    simulator.set_rules([Rule(status=status, reason=reason)])
    reply = await push(apns)
    expected = {"reason": reason}
    if status == 410:
        expected["timestamp"] = int(clock.now() * 1000)
    assert (reply.status, reply.json) == (status, expected)
    assert (simulator.received[0].status, simulator.received[0].reason) == (status, reason)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "BadDeviceToken"),
        (403, "InvalidProviderToken"),
        (404, "BadPath"),
        (405, "MethodNotAllowed"),
        (410, "Unregistered"),
        (413, "PayloadTooLarge"),
        (418, "Forbidden"),
        (429, "TooManyRequests"),
        (500, "InternalServerError"),
        (502, "InternalServerError"),
        (503, "ServiceUnavailable"),
    ],
)
async def test_a_status_alone_has_its_usual_reason(simulator, apns, push, status, reason):
    simulator.set_rules([Rule(status=status)])
    assert (await push(apns)).json["reason"] == reason


async def test_a_rule_can_name_the_timestamp_and_when_to_come_again(simulator, apns, push):
    simulator.set_rules([Rule(status=410, timestamp=5, times=1), Rule(status=503, retry_after=7)])
    assert (await push(apns)).json == {"reason": "Unregistered", "timestamp": 5}
    assert (await push(apns)).headers["retry-after"] == "7"


async def test_a_rule_can_accept_what_would_be_refused(simulator, apns, push):
    simulator.set_rules([Rule(status=200)])
    assert (await push(apns, payload=b"")).status == 200


async def test_a_rule_can_be_for_one_host(simulator: Simulator, apns, tls, push):
    simulator.set_rules([Rule(environment="production", status=400)])
    assert (await push(apns)).json == {"reason": "BadDeviceToken"}
    async with H2Client(simulator.apns_sandbox_url, tls) as client:
        assert (await push(client)).status == 200


async def test_a_delayed_push_is_received_at_once_and_answered_late(simulator, apns, push, clock, until):
    simulator.set_rules([Rule(delay_ms=1500)])
    sent = asyncio.create_task(push(apns))
    await until(lambda: simulator.received)
    await clock.advance(1.4)
    assert not sent.done()
    await clock.advance(0.2)
    assert (await sent).status == 200
