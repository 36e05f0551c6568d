"""The same push again, as a load balancer's 502 makes a server send it, reaches the device once.

Rocket.Chat repeats a push it got no answer for after 1, 2, 4, 8 and 16 minutes, the body the same to the byte.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import msgspec

from gateway.delivery.push import Push, Report
from gateway.model.clock import Clock, time_limit
from gateway.model.errors import StoreError
from gateway.model.outcome import Delivered, Duplicate, Later, Stored
from gateway.model.reason import Reason
from gateway.rocketchat.lifetime import parse_time
from gateway.store.port import Store

MEMORY_SECONDS = 120.0
CAPACITY = 100_000
"""How many pushes are remembered; beyond, the oldest are forgotten before their time."""
RETRY_AGE = 30.0
"""Seconds from a push's creation on after which it can only be a repetition."""
WINDOW_SECONDS = 40 * 60.0
"""Longer than the 31 minutes in which Rocket.Chat repeats a push."""
LOOKUP_SECONDS = 1.0


class Duplicates:
    """Remembers what this process has done for two minutes, and asks the store about pushes that come late."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._done: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._under_way: dict[str, asyncio.Future[Report]] = {}

    async def once(self, push: Push, deliver: Callable[[], Awaitable[Report]]) -> Report:
        """Deliver a push unless it is delivered or stored already; one that is under way is joined."""
        key = push.key
        if key is None:
            return await deliver()
        if (done := self._remembered(key)) is not None:
            return Report(Duplicate(of=done), push)
        if key in self._under_way:
            return _joined(await asyncio.shield(self._under_way[key]), push)
        return await self._first(key, push, deliver)

    async def _first(self, key: str, push: Push, deliver: Callable[[], Awaitable[Report]]) -> Report:
        answer = self._under_way[key] = asyncio.get_running_loop().create_future()
        report = Report(Later(Reason.INTERNAL_ERROR), push)  # what those who joined hear should this fail
        try:
            found = await self._look_up(key, push) if self._is_late(push) else None
            report = Report(Duplicate(of=found), push) if found else await deliver()
            if isinstance(report.outcome, Delivered | Stored):
                self.remember(key, push.notification.id)
        finally:
            del self._under_way[key]
            answer.set_result(report)
        return report

    def remember(self, key: str, push_id: str) -> None:
        """Hear that a push is done."""
        self._done[key] = (push_id, self._clock.monotonic())
        self._done.move_to_end(key)
        if len(self._done) > CAPACITY:
            self._done.popitem(last=False)

    def _remembered(self, key: str) -> str | None:
        oldest = self._clock.monotonic() - MEMORY_SECONDS
        while self._done and next(iter(self._done.values()))[1] < oldest:
            self._done.popitem(last=False)
        return self._done[key][0] if key in self._done else None

    def _is_late(self, push: Push) -> bool:
        created = parse_time(push.notification.created_at)
        return created is not None and self._clock.now() - created > RETRY_AGE

    async def _look_up(self, key: str, push: Push) -> str | None:
        """Ask for a push that another process may have done; a store in trouble stops none."""
        try:
            async with time_limit(self._clock, LOOKUP_SECONDS):
                since = push.notification.received_at - WINDOW_SECONDS
                return await self._store.outbox.find(key) or await self._store.delivered(key, since)
        except (StoreError, TimeoutError):
            return None


def _joined(first: Report, push: Push) -> Report:
    """Answer a second request by what became of the first."""
    if isinstance(first.outcome, Delivered | Stored) and first.push is not None:
        return Report(Duplicate(of=first.push.notification.id), push)
    return msgspec.structs.replace(first, push=push, attempts=0)
