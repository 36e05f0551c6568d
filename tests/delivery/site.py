"""Gateways that tell each other what stands, on a clock turned by hand."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.delivery.notices import POLL_SECONDS, Notices
from gateway.model.errors import StoreError
from gateway.model.notice import Notice
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock


class Wire:
    """The way to the store's notices: counted, cut before or behind the store, or held up."""

    def __init__(self, store: SqliteStore) -> None:
        self._notices = store.notices
        self.writes = 0
        self.is_cut = False
        self.loses_answers = False
        self.faults: list[Exception] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def post(self, notice: Notice, unless_since: float | None = None) -> bool:
        return bool(await self._write(lambda: self._notices.post(notice, unless_since)))

    async def withdraw(self, notice_id: str) -> bool:
        return bool(await self._write(lambda: self._notices.withdraw(notice_id)))

    async def all(self) -> list[Notice]:
        self._check()
        return await self._notices.all()

    async def remove(self, before: float) -> None:
        await self._notices.remove(before)

    async def _write(self, step: Callable[[], Awaitable[bool]]) -> bool:
        await self.may_answer.wait()
        self._check()
        self.writes += 1
        done = await step()
        if self.loses_answers:
            raise StoreError("the line is cut")
        return done

    def _check(self) -> None:
        if self.is_cut:
            raise StoreError("the line is cut")
        if self.faults:
            raise self.faults.pop()


class Sleeper:
    """The test's clock, in the hands of one who sleeps: it tells when."""

    def __init__(self, clock: ManualClock) -> None:
        self.now, self.monotonic, self.call_later = clock.now, clock.monotonic, clock.call_later
        self._clock = clock
        self.sleeps = 0
        self.is_asleep = False

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        self.is_asleep = True
        await self._clock.sleep(seconds)
        self.is_asleep = False


class Site:
    """One gateway's notices, running."""

    def __init__(self, store: SqliteStore, clock: ManualClock, until: Callable[..., Any]) -> None:
        self.wire = Wire(store)
        self.sleeper = Sleeper(clock)
        following: Any = Notices(self.wire, self.sleeper)
        self.notices: Notices = following
        self.told: list[tuple[str, bool]] = []
        self.notices.tell(lambda notice, stands: self.told.append((notice.words, stands)))
        self.running = asyncio.create_task(self.notices.run())
        self._clock, self._until = clock, until

    async def turn(self) -> None:
        """Let it look at the store once more."""
        await self._until(lambda: self.sleeper.is_asleep)
        seen = self.sleeper.sleeps
        await self._clock.advance(POLL_SECONDS)
        await self._until(lambda: self.sleeper.sleeps > seen)

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)

    @property
    def standing(self) -> list[str]:
        return [notice.subject for notice in self.notices.all()]


OpenSite = Callable[[], Awaitable[Site]]
