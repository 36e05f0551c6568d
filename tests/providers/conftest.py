"""Apple and Google as the providers meet them: the simulator on a clock turned by hand, and a server of raw answers."""

import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from gateway.providers.apns import ApnsHosts, ApnsProvider
from gateway.providers.egress import Egress
from gateway.providers.fcm import FcmHosts, FcmProvider
from gateway.providers.simulator import Simulator
from tests.anywhere import ANYWHERE
from tests.clock import ManualClock
from tests.providers.endpoint import Endpoint, serving


@pytest.fixture
async def simulator(data: Path, clock: ManualClock) -> AsyncIterator[Simulator]:
    async with Simulator(data, ANYWHERE, clock) as running:
        yield running


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2"])
    return context


@pytest.fixture
async def endpoint(server_tls: ssl.SSLContext) -> AsyncIterator[Endpoint]:
    async with serving(server_tls) as endpoint:
        yield endpoint


@pytest.fixture
def account_text(identity: Path) -> str:
    """The service account file that the simulator hands out."""
    return (identity / "service-account.json").read_text()


@pytest.fixture
def account(account_text: str) -> dict[str, Any]:
    return json.loads(account_text)


@pytest.fixture
def nobody() -> str:
    """A URL where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"https://127.0.0.1:{closed.getsockname()[1]}"


@pytest.fixture
async def apns(simulator: Simulator, clock: ManualClock) -> AsyncIterator[ApnsProvider]:
    hosts = ApnsHosts(simulator.apns_url, simulator.apns_sandbox_url)
    provider = ApnsProvider(hosts, Egress(str(simulator.data / "ca.pem")), clock, 10.0)
    yield provider
    await provider.aclose()


@pytest.fixture
async def fcm(simulator: Simulator, clock: ManualClock) -> AsyncIterator[FcmProvider]:
    provider = FcmProvider(FcmHosts(simulator.fcm_url), Egress(str(simulator.data / "ca.pem")), clock, 10.0)
    yield provider
    await provider.aclose()
