"""Work that goes on by itself, until it is done or there is no more time for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from gateway.model.clock import Clock


class UnderWay:
    """Tasks that nobody waits for before the end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Let it go on, under this name."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def aclose(self, grace: float) -> None:
        """Let what is under way finish, `grace` seconds at most; what does not is left to whoever claims it next."""
        if self._tasks:
            timer = self._clock.call_later(grace, self._cancel)
            await asyncio.wait(self._tasks)
            timer.cancel()

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
