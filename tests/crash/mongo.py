"""A MongoDB server that is killed, and comes back on its port with its data."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.mongo import mongo
from tests.servers.process import free_port


class MongoServer:
    """One server, running while the block runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._running = ExitStack()
        self.url = f"mongodb://127.0.0.1:{self._port}/push"

    async def start(self) -> None:
        """Start it and wait until it accepts."""
        self._folder.mkdir(exist_ok=True)
        await asyncio.to_thread(self._running.enter_context, mongo(self._folder, self._port))

    async def kill(self) -> None:
        """End it as a power failure would (SIGKILL)."""
        await asyncio.to_thread(self._running.close)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()
