"""A running simulator, and what a gateway would know of it."""

import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from gateway.providers.simulator import Simulator, SimulatorListen
from gateway.providers.simulator.identity import Addresses, prepare_identity
from tests.clock import ManualClock
from tests.providers.simulator.h2_client import H2Client, Reply

ANY_PORT = SimulatorListen("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
TOKEN = "ab" * 32
TOPIC = "chat.rocket.ios"
FCM_TOKEN = "fcmtok:APA91bEXAMPLE_TOKEN"
FCM_PATH = "/v1/projects/sim-project/messages:send"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
FORM = [("content-type", "application/x-www-form-urlencoded")]
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of keys for all tests: making them anew each time is slow."""
    folder = tmp_path_factory.mktemp("simulator")
    prepare_identity(folder, Addresses("https://a", "https://b", "https://c"), [])
    return folder


@pytest.fixture
async def simulator(data: Path, clock: ManualClock) -> AsyncIterator[Simulator]:
    async with Simulator(data, ANY_PORT, clock) as running:
        yield running


@pytest.fixture
def tls(data: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(data / "ca.pem"))
    context.set_alpn_protocols(["h2"])
    return context


@pytest.fixture
def tls_with_certificate(data: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(data / "ca.pem"))
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(str(data / "apns-certificate.pem"))
    return context


@pytest.fixture
async def apns(simulator: Simulator, tls: ssl.SSLContext) -> AsyncIterator[H2Client]:
    async with H2Client(simulator.apns_url, tls) as client:
        yield client


@pytest.fixture
async def certified(simulator: Simulator, tls_with_certificate: ssl.SSLContext) -> AsyncIterator[H2Client]:
    async with H2Client(simulator.apns_url, tls_with_certificate) as client:
        yield client


@pytest.fixture
async def fcm(simulator: Simulator, tls: ssl.SSLContext) -> AsyncIterator[H2Client]:
    async with H2Client(simulator.fcm_url, tls) as client:
        yield client


@pytest.fixture
def provider_token(data: Path, clock: ManualClock) -> Callable[..., str]:
    """Make provider tokens as a gateway does; keyword arguments spoil them."""
    key = (data / "AuthKey_SIMKEY0001.p8").read_text()

    def make(
        kid: str = "SIMKEY0001", team: Any = "SIMTEAM001", age: float = 0, signer: Any = key, alg: str = "ES256"
    ) -> str:
        claims = {"iss": team, "iat": int(clock.now() - age)}
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, signer, algorithm=alg, headers={"kid": kid})

    return make


@pytest.fixture
def push(provider_token: Callable[..., str]) -> Callable[..., Any]:
    """Send one APNs push, right in every way but those named."""
    bearer = f"bearer {provider_token()}"

    async def send(
        client: H2Client,
        payload: Any = None,
        token: str = TOKEN,
        path: str | None = None,
        method: str = "POST",
        extra: list[tuple[str, str]] | None = None,
        **changed: str | None,
    ) -> Reply:
        headers = {"authorization": bearer, "apns-topic": TOPIC, "apns-push-type": "alert", "apns-priority": "10"}
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        pairs = [(name, value) for name, value in headers.items() if value is not None]
        payload = {"aps": {"alert": "hello"}} if payload is None else payload
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return await client.send(path or f"/3/device/{token}", pairs + (extra or []), body, method)

    return send


@pytest.fixture
def account(simulator: Simulator, data: Path) -> dict[str, str]:
    """The service account as the gateway reads it."""
    return json.loads((data / "service-account.json").read_bytes())


@pytest.fixture
def assertion(account: dict[str, str], clock: ManualClock) -> Callable[..., str]:
    """Sign a grant as google-auth does; keyword arguments replace claims, None leaves one out."""

    def make(signer: Any = account["private_key"], algorithm: str = "RS256", **changed: Any) -> str:
        now = int(clock.now())
        claims = {
            "iss": account["client_email"],
            "aud": account["token_uri"],
            "scope": SCOPE,
            "iat": now,
            "exp": now + 3600,
        }
        claims = {name: value for name, value in (claims | changed).items() if value is not None}
        return jwt.encode(claims, signer, algorithm=algorithm, headers={"kid": account["private_key_id"]})

    return make


@pytest.fixture
async def access_token(fcm: H2Client, assertion: Callable[..., str]) -> str:
    reply = await fcm.send("/token", FORM, f"grant_type={GRANT}&assertion={assertion()}".encode())
    return reply.json["access_token"]


@pytest.fixture
def send(fcm: H2Client, access_token: str) -> Callable[..., Any]:
    """Send one FCM message, right in every way but those named."""

    async def post(message: Any = None, path: str = FCM_PATH, method: str = "POST", **changed: Any) -> Reply:
        message = {"token": FCM_TOKEN, "data": {"ejson": "{}"}} if message is None else message
        headers = [("authorization", changed.pop("authorization", f"Bearer {access_token}"))]
        body = changed.pop("body", None) or json.dumps({"message": message, **changed}).encode()
        return await fcm.send(path, [pair for pair in headers if pair[1]], body, method)

    return post
