"""Whether credentials are taken, asked of Apple and Google without a push to anybody."""

import json
from pathlib import Path

import msgspec
import pytest

from gateway.model.app import ApnsCredentials, ApnsEnvironment, FcmCredentials
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.providers.apns import ApnsHosts, ApnsProvider
from gateway.providers.egress import Egress
from gateway.providers.fcm import FcmProvider
from gateway.providers.key_files import KeyFile, read_apns_key, read_fcm_service_account
from gateway.providers.providers import Providers
from gateway.providers.simulator import Rule, Simulator
from tests.clock import ManualClock
from tests.providers.pushes import TOPIC

TIMEOUT = 10.0


@pytest.fixture
def providers(apns: ApnsProvider, fcm: FcmProvider) -> Providers:
    return Providers(apns, fcm)


@pytest.fixture
def key(identity: Path) -> ApnsCredentials:
    file = KeyFile("key.p8", (identity / "AuthKey_SIMKEY0001.p8").read_bytes())
    return read_apns_key(file, "SIMKEY0001", "SIMTEAM001", (TOPIC,), ApnsEnvironment.PRODUCTION)


@pytest.fixture
def account(simulator: Simulator) -> FcmCredentials:
    content = json.loads((simulator.data / "service-account.json").read_bytes())
    return read_fcm_service_account(KeyFile("service-account.json", json.dumps(content).encode()))


async def test_apple_says_that_nobody_has_the_token(
    providers: Providers, simulator: Simulator, key: ApnsCredentials
) -> None:
    verdict = await providers.check(key, TIMEOUT)
    assert (verdict.kind, verdict.reason) == (VerdictKind.SUSPECT, Reason.APNS_BAD_DEVICE_TOKEN)
    (push,) = simulator.received
    assert (push.token, push.payload) == ("0" * 64, {"aps": {"content-available": 1}})
    assert (push.headers["apns-push-type"], push.headers["apns-priority"]) == ("background", "5")


async def test_google_validates_a_message_that_nobody_gets(
    providers: Providers, simulator: Simulator, account: FcmCredentials
) -> None:
    verdict = await providers.check(account, TIMEOUT)
    assert verdict.kind is VerdictKind.ACCEPTED
    (push,) = simulator.received
    assert (push.validate_only, push.token) == (True, "")


async def test_a_refusal_is_told(providers: Providers, simulator: Simulator, key: ApnsCredentials) -> None:
    simulator.set_rules([Rule(platform="apns", status=403, reason="InvalidProviderToken")])
    assert (await providers.check(key, TIMEOUT)).kind is VerdictKind.CREDENTIALS_REFUSED


async def test_a_key_that_cannot_be_read_and_a_host_that_cannot_be_reached_are_told(
    key: ApnsCredentials, account: FcmCredentials, fcm: FcmProvider, nobody: str, ca_file: str, clock: ManualClock
) -> None:
    broken = msgspec.structs.replace(account, service_account="{}", fingerprint="broken")
    assert await fcm.check(broken, TIMEOUT) == Verdict(VerdictKind.CREDENTIALS_REFUSED, Reason.CREDENTIALS_UNUSABLE)
    apns = ApnsProvider(ApnsHosts(nobody, nobody), Egress(ca_file), clock, 10.0)
    verdict = await apns.check(key, TIMEOUT)
    assert (verdict.kind, verdict.reason) == (VerdictKind.LATER, Reason.APNS_UNREACHABLE)
    await apns.aclose()
