"""When requests come due: one timer for all that do so together, as thousands a second would be dear."""

import math
from collections.abc import Callable

from gateway.http2.stream import Call
from gateway.model.clock import Clock, Timer

PER_SECOND = 64
"""How many moments a second there are at which something comes due."""


class Deadlines:
    """Hands calls to `expire` at their time, or at most a 64th of a second after it, unless they are removed before."""

    def __init__(self, clock: Clock, expire: Callable[[tuple[Call, ...]], None]) -> None:
        self._clock = clock
        self._expire = expire
        self._newest = 0
        self._due: dict[int, dict[Call, None]] = {}
        self._timers: dict[int, Timer] = {}

    def add(self, call: Call, at: float) -> None:
        """Expect the end of a call by `at`, in seconds of the monotonic clock."""
        moment = math.ceil(at * PER_SECOND)
        due = self._due.get(moment)
        if due is None:
            due = self._begin(moment)
        due[call] = None
        call.moment = moment

    def remove(self, call: Call) -> None:
        """Expect no end of a call any more; harmless when it has been handed over."""
        due = self._due.get(call.moment)
        if due is not None:
            due.pop(call, None)
            if not due and call.moment != self._newest:  # others will soon be added to the newest
                self._forget(call.moment)

    def stop(self) -> None:
        """Forget all of them."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._due.clear()

    def _begin(self, moment: int) -> dict[Call, None]:
        if self._due.get(self._newest) == {}:
            self._forget(self._newest)
        self._newest = moment
        due = self._due[moment] = {}
        seconds = moment / PER_SECOND - self._clock.monotonic()
        self._timers[moment] = self._clock.call_later(seconds, lambda: self._end(moment))
        return due

    def _forget(self, moment: int) -> None:
        """Let go of a moment at which nothing comes due: a dict that was full once stays as large as it was."""
        del self._due[moment]
        self._timers.pop(moment).cancel()

    def _end(self, moment: int) -> None:
        del self._timers[moment]
        self._expire(tuple(self._due.pop(moment)))
