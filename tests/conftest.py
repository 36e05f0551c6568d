"""What every test shares."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from gateway.model.clock import SystemClock
from gateway.providers.simulator import Simulator
from tests.anywhere import ANYWHERE
from tests.clock import ManualClock
from tests.mongodb import mongo_server, mongo_url

__all__ = ["mongo_server", "mongo_url"]


@pytest.fixture(autouse=True)
def blockbuster() -> Iterator[BlockBuster]:
    """A blocking call on the event loop fails the test; but not where the measuring of coverage waits for a thread."""
    with blockbuster_ctx() as guard:
        guard.functions["threading.Lock.acquire"].can_block_in("coverage/collector.py", {"lock_data"})
        yield guard


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys and certificates of the simulator, made once."""

    async def make(folder: Path) -> None:
        async with Simulator(folder, ANYWHERE, SystemClock()):
            pass

    folder = tmp_path_factory.mktemp("identity")
    asyncio.run(make(folder))
    return folder


@pytest.fixture
def data(identity: Path, tmp_path: Path) -> Path:
    """A data folder of this test's own."""
    return Path(shutil.copytree(identity, tmp_path / "data"))


@pytest.fixture
async def simulator(data: Path) -> AsyncIterator[Simulator]:
    async with Simulator(data, ANYWHERE, SystemClock()) as running:
        yield running


@pytest.fixture
def until() -> Callable[..., Any]:
    """Give the loop turns until something holds."""

    async def wait(holds: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110 - anything may hold, not only an event
                await asyncio.sleep(0)

    return wait
