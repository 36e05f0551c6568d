"""Sending to Apple: forms, hosts, credentials that come and go, and what becomes of a push that gets no answer."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.model.app import ApnsCredentials, ApnsEnvironment
from gateway.model.errors import CredentialsError
from gateway.model.notification import Kind
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.model.workspace import FIXED_TEXT
from gateway.providers.apns import ApnsHosts, ApnsProvider
from gateway.providers.credentials import with_environment
from gateway.providers.egress import Egress
from gateway.providers.key_files import KeyFile, read_apns_certificate, read_apns_key
from gateway.providers.provider_token import REFRESH_AFTER
from gateway.providers.simulator import Rule, Simulator
from tests.clock import ManualClock
from tests.http2.scripted import Received
from tests.providers.endpoint import Endpoint, Reply, header
from tests.providers.pushes import ID, IPHONE, LONG, PAYLOAD, TOPIC, iphone_push

PRODUCTION, SANDBOX = ApnsEnvironment.PRODUCTION, ApnsEnvironment.SANDBOX
TIMEOUT = 10.0
Until = Callable[[Callable[[], object]], Any]


@pytest.fixture
def key(identity: Path) -> ApnsCredentials:
    file = KeyFile("key.p8", (identity / "AuthKey_SIMKEY0001.p8").read_bytes())
    return read_apns_key(file, "SIMKEY0001", "SIMTEAM001", (TOPIC,), PRODUCTION)


@pytest.fixture
def certificate(identity: Path) -> ApnsCredentials:
    file = KeyFile("certificate.pem", (identity / "apns-certificate.pem").read_bytes())
    return read_apns_certificate(file, (), PRODUCTION, time.time())


def later(reason: Reason, words: str) -> Verdict:
    return Verdict(VerdictKind.LATER, reason, words=words)


async def test_a_push_arrives_under_its_own_id(apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials) -> None:
    verdict = await apns.send(iphone_push(), key, TIMEOUT)
    assert verdict == Verdict(VerdictKind.ACCEPTED, Reason.DELIVERED, 200, provider_id=ID)
    (push,) = simulator.received
    assert (push.token, push.environment, push.apns_id) == (IPHONE, "production", ID)
    assert push.payload["aps"]["alert"] == {"title": "#general", "body": "alice: Hello"}
    assert push.payload["ejson"] == PAYLOAD.ejson


async def test_each_environment_has_a_host_of_its_own(
    apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials
) -> None:
    await apns.send(iphone_push(), with_environment(key, SANDBOX), TIMEOUT)
    await apns.send(iphone_push(), with_environment(key, PRODUCTION), TIMEOUT)
    assert [push.environment for push in simulator.received] == ["sandbox", "production"]
    assert [pool.statistics().open for pool in apns.pools()] == [1, 1]


async def test_a_certificate_stands_for_a_token(
    apns: ApnsProvider, simulator: Simulator, certificate: ApnsCredentials
) -> None:
    assert (await apns.send(iphone_push(), certificate, TIMEOUT)).kind is VerdictKind.ACCEPTED
    (push,) = simulator.received
    assert "authorization" not in push.headers


@pytest.mark.parametrize(
    ("changed", "push_type", "topic", "priority"),
    [
        ({}, "alert", TOPIC, "10"),
        ({"kind": Kind.VOIP_RING, "topic": f"{TOPIC}.voip"}, "voip", f"{TOPIC}.voip", "10"),
        ({"kind": Kind.VOIP_SIGNAL}, "background", TOPIC, "5"),
        ({"kind": Kind.TEST, "title": None, "payload": None, "not_id": None}, "alert", TOPIC, "10"),
    ],
    ids=["message", "ring", "end of a ring", "test"],
)
async def test_apple_takes_every_kind_of_push(
    apns: ApnsProvider,
    simulator: Simulator,
    key: ApnsCredentials,
    changed: dict[str, Any],
    push_type: str,
    topic: str,
    priority: str,
) -> None:
    verdict = await apns.send(iphone_push(**changed), key, TIMEOUT)
    assert verdict.kind is VerdictKind.ACCEPTED
    (push,) = simulator.received
    sent = {name: push.headers.get(name) for name in ("apns-push-type", "apns-topic", "apns-priority")}
    assert sent == {"apns-push-type": push_type, "apns-topic": topic, "apns-priority": priority}
    assert push.headers["apns-expiration"] == str(int(iphone_push().expires_at))


async def test_one_too_large_goes_at_once_as_message_id_only(
    apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials
) -> None:
    assert (await apns.send(iphone_push(text=LONG), key, TIMEOUT)).kind is VerdictKind.ACCEPTED
    (push,) = simulator.received
    assert push.payload["aps"]["alert"] == FIXED_TEXT
    assert msgspec.json.decode(push.payload["ejson"])["notificationType"] == "message-id-only"


async def test_one_that_apple_calls_too_large_comes_again_as_message_id_only(
    apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials
) -> None:
    simulator.set_rules([Rule(status=413, times=1)])
    assert (await apns.send(iphone_push(), key, TIMEOUT)).kind is VerdictKind.ACCEPTED
    refused, taken = simulator.received
    assert (refused.status, taken.status) == (413, 200)
    assert refused.apns_id == taken.apns_id == ID
    assert msgspec.json.decode(taken.payload["ejson"])["notificationType"] == "message-id-only"


async def test_it_comes_again_once_only(apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials) -> None:
    simulator.set_rules([Rule(status=413)])
    verdict = await apns.send(iphone_push(), key, TIMEOUT)
    assert (verdict.kind, verdict.reason) == (VerdictKind.REFUSED, Reason.APNS_PAYLOAD_TOO_LARGE)
    assert len(simulator.received) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": Kind.VIDEO_CONFERENCE},
        {"payload": None},
        {"payload": msgspec.structs.replace(PAYLOAD, message_id=None)},
        {"payload": msgspec.structs.replace(PAYLOAD, host=None)},
    ],
    ids=["video conference", "no payload", "no message id", "no host"],
)
async def test_what_the_app_could_not_fetch_is_refused_when_too_large(
    apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials, changed: dict[str, Any]
) -> None:
    too_large = Verdict(VerdictKind.REFUSED, Reason.PAYLOAD_TOO_LARGE)
    assert await apns.send(iphone_push(text=LONG, **changed), key, TIMEOUT) == too_large
    assert simulator.received == []


async def test_a_ring_may_be_larger_than_a_message(
    apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials
) -> None:
    ring = {"kind": Kind.VOIP_RING, "topic": f"{TOPIC}.voip"}
    wide = iphone_push(payload=msgspec.structs.replace(PAYLOAD, ejson="x" * 4800), **ring)
    assert (await apns.send(wide, key, TIMEOUT)).kind is VerdictKind.ACCEPTED
    wider = iphone_push(payload=msgspec.structs.replace(PAYLOAD, ejson="x" * 5120), **ring)
    assert (await apns.send(wider, key, TIMEOUT)).reason is Reason.PAYLOAD_TOO_LARGE
    assert len(simulator.received) == 1


async def test_apples_refusal_comes_with_its_words_wait_and_time(
    apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials
) -> None:
    simulator.set_rules(
        [
            Rule(status=410, reason="Unregistered", timestamp=1_700_000_000_000, times=1),
            Rule(status=429, reason="TooManyRequests", retry_after=17, times=1),
        ]
    )
    dead, busy = [await apns.send(iphone_push(), key, TIMEOUT) for _ in range(2)]
    assert dead == Verdict(VerdictKind.DEAD, Reason.APNS_UNREGISTERED, 410, "Unregistered", ID, since=1_700_000_000.0)
    assert (busy.kind, busy.retry_after) == (VerdictKind.LATER, 17.0)


async def test_the_token_is_young_enough_for_apple_over_hours(
    apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials, clock: ManualClock
) -> None:
    for _ in range(8):
        assert (await apns.send(iphone_push(), key, TIMEOUT)).kind is VerdictKind.ACCEPTED
        await clock.advance(REFRESH_AFTER - 100)
    assert [push.status for push in simulator.received] == [200] * 8


async def test_one_token_serves_both_hosts_and_every_app_of_a_team_and_key(
    endpoint: Endpoint, ca_file: str, key: ApnsCredentials, clock: ManualClock
) -> None:
    used: list[str | None] = []

    def note(request: Received) -> Reply:
        used.append(header(request, "authorization"))
        return Reply()

    endpoint.reply = note
    other_app = msgspec.structs.replace(key, topics=("com.example.chat",), fingerprint="another app")
    other_team = msgspec.structs.replace(key, team_id="OTHERTEAM1", fingerprint="another team")
    apps = [key, with_environment(key, SANDBOX), other_app, with_environment(other_app, SANDBOX)]
    hosts = ApnsHosts(endpoint.url, endpoint.url)
    async with aclosing(ApnsProvider(hosts, Egress(ca_file), clock, TIMEOUT)) as provider:
        for credentials in (*apps, other_team):
            await provider.send(iphone_push(), credentials, TIMEOUT)
        assert len(set(used[:4])) == 1
        assert used[4] != used[0]
        await clock.advance(REFRESH_AFTER)
        for credentials in apps:
            await provider.send(iphone_push(), credentials, TIMEOUT)
        assert len(set(used[5:])) == 1
        assert used[5] != used[0]
        assert endpoint.connections >= 5


async def test_a_host_that_is_down_is_for_later(
    nobody: str, ca_file: str, key: ApnsCredentials, clock: ManualClock
) -> None:
    async with aclosing(ApnsProvider(ApnsHosts(nobody, nobody), Egress(ca_file), clock, TIMEOUT)) as provider:
        assert await provider.send(iphone_push(), key, TIMEOUT) == later(Reason.APNS_UNREACHABLE, "connect_failed")


async def test_a_host_whose_certificate_nobody_vouches_for_is_for_later(
    endpoint: Endpoint, simulator: Simulator, key: ApnsCredentials, clock: ManualClock
) -> None:
    hosts, egress = ApnsHosts(endpoint.url, endpoint.url), Egress(str(simulator.data / "ca.pem"))
    async with aclosing(ApnsProvider(hosts, egress, clock, TIMEOUT)) as provider:
        assert await provider.send(iphone_push(), key, TIMEOUT) == later(Reason.APNS_UNREACHABLE, "tls_failed")
    assert endpoint.requests == []


async def test_no_answer_in_time_is_for_later(
    apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials, clock: ManualClock
) -> None:
    simulator.set_rules([Rule(delay_ms=60_000)])
    sending = asyncio.create_task(apns.send(iphone_push(), key, TIMEOUT))
    await simulator.next_received()
    await clock.advance(TIMEOUT)
    assert await sending == later(Reason.APNS_UNANSWERED, "deadline")


async def test_pushes_under_way_finish_when_their_credentials_are_replaced(
    apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials, clock: ManualClock, until: Until
) -> None:
    await apns.send(iphone_push(), key, TIMEOUT)
    simulator.clear()
    simulator.set_rules([Rule(delay_ms=5_000)])
    sending = [asyncio.create_task(apns.send(iphone_push(), key, TIMEOUT)) for _ in range(10)]
    await until(lambda: len(simulator.received) == 10)
    new = msgspec.structs.replace(key, fingerprint="new")
    await apns.prepare(new)
    apns.retain({"new"})
    await clock.advance(5.0)
    verdicts = await asyncio.gather(*sending)
    assert {verdict.kind for verdict in verdicts} == {VerdictKind.ACCEPTED}
    (pool,) = apns.pools()
    assert pool.statistics().requests == 0
    simulator.set_rules([])
    assert (await apns.send(iphone_push(), new, TIMEOUT)).kind is VerdictKind.ACCEPTED


async def test_credentials_that_stay_keep_their_connection(
    apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials
) -> None:
    await apns.send(iphone_push(), key, TIMEOUT)
    (before,) = apns.pools()
    apns.retain({key.fingerprint, "another"})
    await apns.send(iphone_push(), key, TIMEOUT)
    assert list(apns.pools()) == [before]
    assert before.statistics().requests == 2


async def test_closing_leaves_what_is_under_way_for_later(
    apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials
) -> None:
    simulator.set_rules([Rule(delay_ms=60_000)])
    sending = asyncio.create_task(apns.send(iphone_push(), key, TIMEOUT))
    await simulator.next_received()
    await apns.aclose()
    assert await sending == later(Reason.APNS_UNANSWERED, "closed")
    assert list(apns.pools()) == []


async def test_preparing_opens_one_channel_and_no_connection(
    apns: ApnsProvider, simulator: Simulator, key: ApnsCredentials
) -> None:
    await asyncio.gather(*(apns.prepare(key) for _ in range(10)))
    (pool,) = apns.pools()
    assert (pool.statistics().open, pool.statistics().connecting) == (0, 0)
    await asyncio.gather(*(apns.send(iphone_push(), key, TIMEOUT) for _ in range(10)))
    assert list(apns.pools()) == [pool]


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)


async def test_a_stored_key_of_another_kind_is_told(apns: ApnsProvider, key: ApnsCredentials) -> None:
    with pytest.raises(CredentialsError, match="the stored APNs key is not an EC key"):
        await apns.prepare(msgspec.structs.replace(key, key=RSA_KEY.decode(), fingerprint="rsa"))
    assert list(apns.pools()) == []


@pytest.mark.parametrize(
    "damage",
    [
        {"key": "no key"},
        {"key": ""},
        {"key": "", "certificate": "no certificate"},
        {"key": "", "certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
    ],
    ids=["key", "no key", "certificate", "empty certificate"],
)
async def test_a_stored_key_that_is_damaged_is_told(
    apns: ApnsProvider, key: ApnsCredentials, damage: dict[str, str]
) -> None:
    with pytest.raises(CredentialsError):
        await apns.prepare(msgspec.structs.replace(key, fingerprint="damaged", **damage))


async def test_sending_with_a_key_that_cannot_be_used_is_for_later(apns: ApnsProvider, key: ApnsCredentials) -> None:
    verdict = await apns.send(
        iphone_push(), msgspec.structs.replace(key, key=RSA_KEY.decode(), fingerprint="rsa"), TIMEOUT
    )
    assert verdict.kind in (VerdictKind.CREDENTIALS_REFUSED, VerdictKind.LATER)
