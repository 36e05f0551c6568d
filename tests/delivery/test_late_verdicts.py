"""Verdicts that came after the answer: who is told, and for how long the store is waited for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gateway.delivery.late_verdicts import POLL_SECONDS, TAKE_SECONDS, LateVerdicts
from gateway.delivery.push import Push, identified
from gateway.delivery.snapshot import Member
from gateway.model.outbox import LateVerdict
from gateway.model.outcome import TokenDead
from gateway.model.reason import Reason
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.conftest import VAULT, workspace
from tests.providers.pushes import iphone_push
from tests.store.owed import late

MEMBER = Member(workspace=workspace("acme"), networks=(), by_topic={}, android=())


class Sluggish:
    """A store that takes its time when a verdict is taken, until the test lets it."""

    def __init__(self, store: SqliteStore) -> None:
        self._verdicts = store.late_verdicts
        self.late_verdicts = self
        self.looks = 0
        self.may_take = asyncio.Event()

    async def since(self, at: float, limit: int) -> list[LateVerdict]:
        found = await self._verdicts.since(at, limit)
        self.looks += 1
        return found

    async def remove(self, before: float, limit: int) -> int:
        return await self._verdicts.remove(before, limit)

    async def take(self, workspace: str, device: str) -> bool:
        await self.may_take.wait()
        return await self._verdicts.take(workspace, device)


@pytest.fixture
def sluggish(store: SqliteStore) -> Sluggish:
    return Sluggish(store)


@pytest.fixture
def push() -> Push:
    return identified(MEMBER, iphone_push(), VAULT)


@pytest.fixture
async def verdicts(
    store: SqliteStore, sluggish: Sluggish, clock: ManualClock, push: Push, until: Callable[..., Any]
) -> AsyncIterator[LateVerdicts]:
    """Those of a gateway that has heard of one on the push's device."""
    await store.late_verdicts.put([late(push.device, at=clock.now())])
    following: Any = LateVerdicts(sluggish, clock)
    running = asyncio.create_task(following.run())
    await until(lambda: sluggish.looks)
    yield following
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_of_two_pushes_one_is_told(
    verdicts: LateVerdicts, sluggish: Sluggish, push: Push, clock: ManualClock, until: Callable[..., Any]
) -> None:
    sluggish.may_take.set()
    told = await asyncio.gather(verdicts.told(push), verdicts.told(push))
    (dead,) = [one for one in told if one is not None]
    assert isinstance(dead, TokenDead)
    assert (dead.reason, dead.since) == (Reason.APNS_UNREGISTERED, 900.0)
    await clock.advance(POLL_SECONDS)
    await until(lambda: sluggish.looks > 1)
    assert await verdicts.told(push) is None


async def test_no_push_waits_long_for_a_store_that_does_not_answer(
    verdicts: LateVerdicts, push: Push, clock: ManualClock
) -> None:
    asking = asyncio.create_task(verdicts.told(push))
    await clock.advance(TAKE_SECONDS - 0.1)
    assert not asking.done()
    await clock.advance(0.1)
    assert asking.done()
    assert await asking is None
