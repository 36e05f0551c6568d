"""A clock that tests turn by hand."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count


class ManualTimer:
    """One waiting callback of a ManualClock."""

    def __init__(self, due: float, callback: Callable[[], object]) -> None:
        self.due = due
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """Stands still until `advance` is called; then timers and sleepers due run in their order."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1_000.0
        self._order = count()
        self._timers: list[tuple[float, int, ManualTimer]] = []
        self._watchers: list[asyncio.Future[None]] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def call_later(self, seconds: float, callback: Callable[[], object]) -> ManualTimer:
        timer = ManualTimer(self._monotonic + max(0.0, seconds), callback)
        heapq.heappush(self._timers, (timer.due, next(self._order), timer))
        for watcher in self._watchers:
            watcher.done() or watcher.set_result(None)
        return timer

    @property
    def pending(self) -> int:
        """How many timers wait."""
        return sum(timer.callback is not None for _, _, timer in self._timers)

    async def next_timer(self) -> None:
        """Wait until somebody sets a timer."""
        watcher = asyncio.get_running_loop().create_future()
        self._watchers.append(watcher)
        await watcher

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: woken.done() or woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass, giving the loop turns between the timers that come due."""
        end = self._monotonic + seconds
        await self._settle()
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self._step_to(due)
            if timer.callback is not None:
                timer.callback()
                await self._settle()
        self._step_to(end)
        await self._settle()

    def _step_to(self, monotonic: float) -> None:
        passed = max(0.0, monotonic - self._monotonic)
        self._now += passed
        self._monotonic += passed

    @staticmethod
    async def _settle() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
