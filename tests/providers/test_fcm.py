"""Sending to Google: forms, bearers, credentials that come and go, and what becomes of a push without an answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.model.app import FcmCredentials
from gateway.model.errors import CredentialsError
from gateway.model.notification import Kind
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.providers.egress import Egress
from gateway.providers.fcm import FcmHosts, FcmProvider
from gateway.providers.key_files import KeyFile, read_fcm_service_account
from gateway.providers.oauth import RENEWAL_PAUSE
from gateway.providers.simulator import Rule, Simulator
from tests.clock import ManualClock
from tests.http2.scripted import Received
from tests.providers.endpoint import Endpoint, Reply, header
from tests.providers.pushes import ANDROID, LONG, PAYLOAD, android_push

TIMEOUT = 10.0
Until = Callable[[Callable[[], object]], Any]


@pytest.fixture
def account_file(simulator: Simulator) -> dict[str, Any]:
    """The service account of the running simulator, whose token endpoint is where it listens."""
    return json.loads((simulator.data / "service-account.json").read_bytes())


def credentials_of(account: dict[str, Any]) -> FcmCredentials:
    return read_fcm_service_account(KeyFile("service-account.json", json.dumps(account).encode()))


@pytest.fixture
def known(account_file: dict[str, Any]) -> FcmCredentials:
    return credentials_of(account_file)


def later(reason: Reason, words: str) -> Verdict:
    return Verdict(VerdictKind.LATER, reason, words=words)


async def test_a_push_arrives_and_google_names_it(
    fcm: FcmProvider, simulator: Simulator, known: FcmCredentials
) -> None:
    verdict = await fcm.send(android_push(), known, TIMEOUT)
    assert (verdict.kind, verdict.reason, verdict.status) == (VerdictKind.ACCEPTED, Reason.DELIVERED, 200)
    assert verdict.provider_id.startswith("projects/sim-project/messages/")
    (push,) = simulator.received
    assert (push.token, push.validate_only) == (ANDROID, False)
    assert push.payload["data"]["ejson"] == PAYLOAD.ejson
    assert push.payload["android"]["priority"] == "HIGH"


@pytest.mark.parametrize("kind", list(Kind))
async def test_google_takes_every_kind_of_push(
    fcm: FcmProvider, simulator: Simulator, known: FcmCredentials, kind: Kind
) -> None:
    assert (await fcm.send(android_push(kind=kind, lifetime_given=True), known, TIMEOUT)).kind is VerdictKind.ACCEPTED
    assert simulator.received[0].payload["android"]["ttl"] == "3600s"


async def test_one_too_large_goes_as_message_id_only(
    fcm: FcmProvider, simulator: Simulator, known: FcmCredentials
) -> None:
    assert (await fcm.send(android_push(text=LONG), known, TIMEOUT)).kind is VerdictKind.ACCEPTED
    (push,) = simulator.received
    assert msgspec.json.decode(push.payload["data"]["ejson"])["notificationType"] == "message-id-only"


async def test_what_the_app_could_not_fetch_is_refused_when_too_large(
    fcm: FcmProvider, simulator: Simulator, known: FcmCredentials
) -> None:
    too_large = Verdict(VerdictKind.REFUSED, Reason.PAYLOAD_TOO_LARGE)
    assert await fcm.send(android_push(text=LONG, kind=Kind.VIDEO_CONFERENCE), known, TIMEOUT) == too_large
    assert simulator.received == []


async def test_google_asks_to_wait(fcm: FcmProvider, simulator: Simulator, known: FcmCredentials) -> None:
    simulator.set_rules([Rule(status=429, retry_after=42)])
    verdict = await fcm.send(android_push(), known, TIMEOUT)
    assert (verdict.reason, verdict.retry_after) == (Reason.FCM_QUOTA_EXCEEDED, 42.0)


async def test_the_bearer_is_young_enough_for_google_over_hours(
    fcm: FcmProvider, simulator: Simulator, known: FcmCredentials, clock: ManualClock
) -> None:
    for _ in range(6):
        assert (await fcm.send(android_push(), known, TIMEOUT)).kind is VerdictKind.ACCEPTED
        await clock.advance(2_500.0)
    assert [push.status for push in simulator.received] == [200] * 6


@pytest.mark.parametrize(("status", "reason"), [(401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED")])
async def test_a_push_whose_bearer_is_refused_goes_again_with_a_new_one(
    fcm: FcmProvider, simulator: Simulator, known: FcmCredentials, status: int, reason: str
) -> None:
    simulator.set_rules([Rule(status=status, reason=reason, times=1)])
    assert (await fcm.send(android_push(), known, TIMEOUT)).kind is VerdictKind.ACCEPTED
    assert [push.status for push in simulator.received] == [status, 200]


async def test_it_goes_again_once_only(fcm: FcmProvider, simulator: Simulator, known: FcmCredentials) -> None:
    simulator.set_rules([Rule(status=401)])
    verdict = await fcm.send(android_push(), known, TIMEOUT)
    assert (verdict.kind, verdict.reason) == (VerdictKind.CREDENTIALS_REFUSED, Reason.FCM_UNAUTHENTICATED)
    assert len(simulator.received) == 2


@pytest.fixture
async def scripted_google(
    endpoint: Endpoint, ca_file: str, clock: ManualClock
) -> AsyncIterator[tuple[FcmProvider, list[Received]]]:
    """A Google that refuses every bearer; the list holds what its token endpoint was asked."""
    asked: list[Received] = []

    def reply(request: Received) -> Reply:
        if request.path != "/token":
            return Reply(401, b'{"error": {"status": "UNAUTHENTICATED"}}')
        asked.append(request)
        return Reply(200, json.dumps({"access_token": f"bearer-{len(asked)}", "expires_in": 3600}).encode())

    endpoint.reply = reply
    hosts = FcmHosts(endpoint.url, f"{endpoint.url}/token")
    async with aclosing(FcmProvider(hosts, Egress(ca_file), clock, TIMEOUT)) as provider:
        yield provider, asked


async def test_while_every_bearer_is_refused_one_a_minute_is_asked_for(
    scripted_google: tuple[FcmProvider, list[Received]],
    endpoint: Endpoint,
    known: FcmCredentials,
    clock: ManualClock,
) -> None:
    provider, asked = scripted_google
    for expected in (2, 3, 4):
        verdicts = [await provider.send(android_push(), known, TIMEOUT) for _ in range(5)]
        assert {verdict.reason for verdict in verdicts} == {Reason.FCM_UNAUTHENTICATED}
        assert len(asked) == expected
        await clock.advance(RENEWAL_PAUSE)
    sent = {header(request, "authorization") for request in endpoint.requests if request.path != "/token"}
    assert sent == {f"Bearer bearer-{number}" for number in (1, 2, 3, 4)}


async def test_the_token_endpoint_of_the_settings_goes_before_the_accounts(
    scripted_google: tuple[FcmProvider, list[Received]], known: FcmCredentials
) -> None:
    provider, asked = scripted_google
    await provider.send(android_push(), known, TIMEOUT)
    assert len(asked) == 2


@pytest.fixture(scope="session")
def other_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


async def test_a_service_account_with_another_key_is_refused_and_asked_of_once(
    fcm: FcmProvider, simulator: Simulator, account_file: dict[str, Any], other_key: str
) -> None:
    stranger = credentials_of({**account_file, "private_key": other_key})
    refused = Verdict(VerdictKind.CREDENTIALS_REFUSED, Reason.FCM_OAUTH_REFUSED, 400, "invalid_grant")
    assert {await fcm.send(android_push(), stranger, TIMEOUT) for _ in range(5)} == {refused}
    assert simulator.received == []
    _, token_pool = fcm.pools()
    assert token_pool.statistics().requests == 1


async def test_another_project_is_the_credentials_fault_never_the_tokens(
    fcm: FcmProvider, simulator: Simulator, account_file: dict[str, Any]
) -> None:
    verdict = await fcm.send(android_push(), credentials_of({**account_file, "project_id": "another-project"}), TIMEOUT)
    assert (verdict.kind, verdict.reason) == (VerdictKind.CREDENTIALS_REFUSED, Reason.FCM_PROJECT_NOT_FOUND)


async def test_a_host_that_is_down_is_for_later(
    simulator: Simulator, known: FcmCredentials, nobody: str, clock: ManualClock
) -> None:
    hosts = FcmHosts(nobody)
    async with aclosing(FcmProvider(hosts, Egress(str(simulator.data / "ca.pem")), clock, TIMEOUT)) as provider:
        assert await provider.send(android_push(), known, TIMEOUT) == later(Reason.FCM_UNREACHABLE, "connect_failed")


async def test_a_token_endpoint_that_is_down_is_for_later(
    simulator: Simulator, known: FcmCredentials, nobody: str, clock: ManualClock
) -> None:
    hosts = FcmHosts(simulator.fcm_url, nobody)
    async with aclosing(FcmProvider(hosts, Egress(str(simulator.data / "ca.pem")), clock, TIMEOUT)) as provider:
        assert await provider.send(android_push(), known, TIMEOUT) == later(
            Reason.FCM_OAUTH_UNAVAILABLE, "connect_failed"
        )


async def test_no_answer_in_time_is_for_later(
    fcm: FcmProvider, simulator: Simulator, known: FcmCredentials, clock: ManualClock
) -> None:
    simulator.set_rules([Rule(delay_ms=60_000)])
    sending = asyncio.create_task(fcm.send(android_push(), known, TIMEOUT))
    await simulator.next_received()
    await clock.advance(TIMEOUT)
    assert await sending == later(Reason.FCM_UNANSWERED, "deadline")


async def test_pushes_under_way_finish_when_their_credentials_are_replaced(
    fcm: FcmProvider, simulator: Simulator, known: FcmCredentials, clock: ManualClock, until: Until
) -> None:
    simulator.set_rules([Rule(delay_ms=5_000)])
    sending = [asyncio.create_task(fcm.send(android_push(), known, TIMEOUT)) for _ in range(10)]
    await until(lambda: len(simulator.received) == 10)
    new = msgspec.structs.replace(known, fingerprint="new")
    await fcm.prepare(new)
    fcm.retain({"new"})
    await clock.advance(5.0)
    verdicts = await asyncio.gather(*sending)
    assert {verdict.kind for verdict in verdicts} == {VerdictKind.ACCEPTED}
    assert [pool.statistics().requests for pool in fcm.pools()] == [0, 0]


async def test_pushes_that_wait_for_a_bearer_when_their_credentials_are_replaced_get_a_verdict(
    endpoint: Endpoint, ca_file: str, known: FcmCredentials, clock: ManualClock
) -> None:
    endpoint.gate.clear()
    hosts = FcmHosts(endpoint.url, f"{endpoint.url}/token")
    async with aclosing(FcmProvider(hosts, Egress(ca_file), clock, TIMEOUT)) as provider:
        sending = asyncio.create_task(provider.send(android_push(), known, TIMEOUT))
        await endpoint.arrived()
        provider.retain(())
        assert (await sending).kind is VerdictKind.LATER


async def test_closing_leaves_what_is_under_way_for_later(
    fcm: FcmProvider, simulator: Simulator, known: FcmCredentials
) -> None:
    simulator.set_rules([Rule(delay_ms=60_000)])
    sending = asyncio.create_task(fcm.send(android_push(), known, TIMEOUT))
    await simulator.next_received()
    await fcm.aclose()
    assert await sending == later(Reason.FCM_UNANSWERED, "closed")
    assert list(fcm.pools()) == []


async def test_preparing_opens_one_channel_and_no_connection(fcm: FcmProvider, known: FcmCredentials) -> None:
    await asyncio.gather(*(fcm.prepare(known) for _ in range(10)))
    assert [pool.statistics().open for pool in fcm.pools()] == [0, 0]
    await asyncio.gather(*(fcm.send(android_push(), known, TIMEOUT) for _ in range(10)))
    assert len(list(fcm.pools())) == 2


@pytest.mark.parametrize(
    "damage",
    [
        {"private_key": "no key"},
        {"private_key": None},
        {"token_uri": "http://oauth2.example.com/token"},
        {"token_uri": ""},
        {"client_email": None},
    ],
    ids=["key", "no key", "a token endpoint without TLS", "no token endpoint", "no email"],
)
async def test_a_stored_service_account_that_is_damaged_is_told(
    fcm: FcmProvider, known: FcmCredentials, account_file: dict[str, Any], damage: dict[str, str | None]
) -> None:
    damaged = {name: value for name, value in {**account_file, **damage}.items() if value is not None}
    with pytest.raises(CredentialsError):
        await fcm.prepare(msgspec.structs.replace(known, service_account=json.dumps(damaged)))


async def test_sending_with_a_service_account_that_cannot_be_used_says_so(
    fcm: FcmProvider, simulator: Simulator, known: FcmCredentials
) -> None:
    verdict = await fcm.send(
        android_push(), msgspec.structs.replace(known, service_account="{}", fingerprint="bad"), TIMEOUT
    )
    assert verdict == Verdict(VerdictKind.CREDENTIALS_REFUSED, Reason.CREDENTIALS_UNUSABLE)
    assert simulator.received == []
