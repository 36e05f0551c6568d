"""A gateway and a simulated Apple and Google, on real sockets."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from gateway.providers.simulator import Simulator
from tests.end_to_end.running import Running, start_gateway


@pytest.fixture
async def gateway(simulator: Simulator) -> AsyncIterator[Running]:
    """A gateway with one app and one workspace, sending to the simulator."""
    async with AsyncExitStack() as cleanup:
        running = await start_gateway(simulator, cleanup)
        await running.register()
        yield running
