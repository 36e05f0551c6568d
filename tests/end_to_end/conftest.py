"""A gateway and a simulated Apple and Google, on real sockets."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.model.clock import SystemClock
from gateway.providers.simulator import Simulator
from tests.anywhere import ANYWHERE
from tests.end_to_end.running import Running, start_gateway


@pytest.fixture
async def simulator(data: Path) -> AsyncIterator[Simulator]:
    async with Simulator(data, ANYWHERE, SystemClock()) as running:
        yield running


@pytest.fixture
async def gateway(simulator: Simulator) -> AsyncIterator[Running]:
    """A gateway with one app and one workspace, sending to the simulator."""
    async with AsyncExitStack() as cleanup:
        running = await start_gateway(simulator, cleanup)
        await running.register()
        yield running
