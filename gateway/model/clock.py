"""Time, passed in: whoever waits, or asks what time it is, asks a Clock."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol


class Timer(Protocol):
    """A callback that waits for its time."""

    def cancel(self) -> None:
        """Forget the callback; harmless when it already ran."""
        ...


class Clock(Protocol):
    """The one source of time in the gateway; tests pass one they turn by hand."""

    def now(self) -> float:
        """UNIX time in seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards, for durations and deadlines."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; zero and less gives other tasks one turn."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` on the event loop in `seconds`."""
        ...


@asynccontextmanager
async def time_limit(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """Bound the block's time by `clock`.

    Raises:
        TimeoutError: the block took longer than `seconds`.
    """
    async with asyncio.timeout(None) as scope:
        timer = clock.call_later(seconds, lambda: scope.reschedule(asyncio.get_running_loop().time()))
        try:
            yield
        finally:
            timer.cancel()


class SystemClock:
    """The machine's own time and the running event loop's timers."""

    def now(self) -> float:
        """UNIX time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of the system's monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Schedule on the running event loop."""
        return asyncio.get_running_loop().call_later(seconds, callback)
