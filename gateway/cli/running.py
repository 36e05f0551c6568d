"""From a command to the event loop, and from a signal to the end."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from gateway.config import Settings, load_settings
from gateway.observability.logging import log_loop_error

T = TypeVar("T")


def settings_from(config: Path | None) -> Settings:
    """Read the settings of this command line: the file given by --config, the environment on top."""
    return load_settings(config, os.environ)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop().set_exception_handler(lambda _loop, context: log_loop_error(context))
        return runner.run(main)


class StopSignals:
    """SIGTERM and SIGINT as something to wait for."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[signal.Signals] = asyncio.Queue()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._queue.put_nowait, number)

    async def next(self) -> signal.Signals:
        """Wait for the next signal."""
        return await self._queue.get()

    async def next_within(self, seconds: float) -> None:
        """Wait `seconds`, or until somebody is in a hurry and signals again."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.get()
        except TimeoutError:
            return
