"""A gateway and a simulated Apple and Google, on real sockets."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.providers.simulator import Simulator
from tests.end_to_end.running import Running, start_gateway
from tests.official import Official, official_gateway


@pytest.fixture
async def gateway(simulator: Simulator, request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    """A gateway with one app and one workspace, sending to the simulator."""
    async with AsyncExitStack() as cleanup:
        running = await start_gateway(simulator, cleanup)
        running.waits_for_leave = getattr(request, "param", "express") == "aiohttp"
        await running.register()
        yield running


@pytest.fixture
def official_tls(data: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(data / "server.pem")
    return context


@pytest.fixture
async def official(official_tls: ssl.SSLContext) -> AsyncIterator[Official]:
    async with official_gateway(official_tls) as running:
        yield running
