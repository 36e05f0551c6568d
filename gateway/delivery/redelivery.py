"""Works the outbox off: claims what is due, attempts it, settles it."""

import asyncio
from collections import Counter

import structlog

from gateway.delivery.breaker import Breakers
from gateway.delivery.dispatcher import Dispatcher
from gateway.delivery.follower import Follower
from gateway.delivery.outbox import Outbox
from gateway.delivery.push import Push, Report
from gateway.delivery.settlement import Settlement
from gateway.delivery.snapshot import Member
from gateway.delivery.under_way import UnderWay
from gateway.model.clock import Clock
from gateway.model.errors import StoreError
from gateway.model.notification import Platform
from gateway.model.outbox import Lane, OutboxItem
from gateway.model.outcome import Cleared, Expired
from gateway.model.reason import Reason
from gateway.model.workspace import Workspace

CONCURRENCY = 200
LANE_CONCURRENCY = 50
"""Of one lane at a time, so that a slow one does not take every place."""
BATCH = 50
IDLE_SECONDS = 1.0
"""The pause after nothing was due; an item that ends cuts it short."""
BREATH_SECONDS = 0.05
"""What is left of it then, so that claims do not follow each other for single items."""
STORE_RETRY_SECONDS = 5.0
SWEEP_SECONDS = 5.0
"""The pause between two looks for what has expired."""
SWEEP_BATCH = 500
ATTEMPT_SECONDS = 30.0
PROVIDERS = tuple(platform.provider for platform in Platform)

log = structlog.stdlib.get_logger("gateway.outbox")


class Redelivery:
    """Keeps a bounded number of items under way, no lane taking all places."""

    def __init__(
        self,
        outbox: Outbox,
        dispatcher: Dispatcher,
        settlement: Settlement,
        breakers: Breakers,
        follower: Follower,
        clock: Clock,
    ) -> None:
        self._outbox = outbox
        self._dispatcher = dispatcher
        self._settlement = settlement
        self._breakers = breakers
        self._follower = follower
        self._clock = clock
        self._under_way = UnderWay(clock)
        self._by_lane: Counter[Lane] = Counter()
        self._renewed: frozenset[Lane] = frozenset()
        self._woken = asyncio.Event()
        self._sweep_at = clock.monotonic()
        self._store_answers = True

    async def run(self) -> None:
        """Work until cancelled; what is under way goes on."""
        while True:
            claimed = await self._claim() if self._follower.snapshot is not None else 0
            await self._rest(claimed)

    async def aclose(self, grace: float) -> None:
        """Let what is under way finish, `grace` seconds at most."""
        await self._under_way.aclose(grace)

    def renewed(self, lanes: frozenset[Lane]) -> None:
        """Hear that lanes have new credentials, or are trusted again: what waits there is attempted now."""
        self._renewed |= lanes
        self._woken.set()

    async def _claim(self) -> int:
        """Start what is due; return how many items that were, or -1 when the store does not answer."""
        try:
            await self._hasten()
            await self._sweep()
            limit = min(BATCH, CONCURRENCY - len(self._under_way))
            items = await self._outbox.claim(limit, self._closed(), self._held_workspaces()) if limit > 0 else []
        except StoreError as error:
            if self._store_answers:
                log.error("outbox_unavailable", error=str(error))
            self._store_answers = False
            return -1
        except Exception as error:  # a fault of ours must not end the work
            log.error("claim_failed", exc_info=error)
            return -1
        self._store_answers = True
        for item in items:
            self._start(item)
        return len(items)

    def _closed(self) -> frozenset[Lane]:
        full = {lane for lane, number in self._by_lane.items() if number >= LANE_CONCURRENCY}
        snapshot = self._follower.snapshot
        held = {Lane(app, provider) for app in (snapshot.held_apps if snapshot else ()) for provider in PROVIDERS}
        return self._breakers.resting() | full | held | {lane.of_rings for lane in held}

    def _held_workspaces(self) -> frozenset[str]:
        return self._follower.snapshot.held_workspaces if self._follower.snapshot else frozenset()

    async def _hasten(self) -> None:
        while self._renewed:
            lane = next(iter(self._renewed))
            await self._outbox.hasten(lane)
            self._renewed -= {lane}

    async def _sweep(self) -> None:
        now = self._clock.monotonic()
        if now < self._sweep_at:
            return
        expired = await self._outbox.claim_expired(SWEEP_BATCH)
        for item in expired:
            self._start(item)
        self._sweep_at = now if len(expired) == SWEEP_BATCH else now + SWEEP_SECONDS

    async def _rest(self, claimed: int) -> None:
        if claimed < 0:
            await self._clock.sleep(STORE_RETRY_SECONDS)
            return
        self._woken.clear()
        timer = self._clock.call_later(0.0 if claimed else IDLE_SECONDS, self._woken.set)
        await self._woken.wait()
        timer.cancel()
        if not claimed:
            await self._clock.sleep(BREATH_SECONDS)

    def _start(self, item: OutboxItem) -> None:
        self._by_lane[item.lane] += 1
        task = self._under_way.start(self._see_through(item), "stored push")
        task.add_done_callback(lambda _: self._ended(item.lane))

    def _ended(self, lane: Lane) -> None:
        self._by_lane[lane] -= 1
        if not self._by_lane[lane]:
            del self._by_lane[lane]
        self._woken.set()

    async def _see_through(self, item: OutboxItem) -> None:
        with self._outbox.at_work(item):
            await self._work_on(item)

    async def _work_on(self, item: OutboxItem) -> None:
        push = Push(self._member(item), item.notification, item.device, item.key, item.line)
        if self._clock.now() >= item.expires_at:
            report = Report(Expired(), push, item.lane.app or None)
        elif push.member.workspace.suspended:
            report = Report(Cleared(Reason.WORKSPACE_GONE), push, item.lane.app or None)
        elif push.member.workspace.held or not self._breakers.allows(item.lane):
            await self._outbox.postpone(item, item.due_at, item.attempts, item.reason)
            return
        else:
            report = await self._dispatcher.attempt(push, self._clock.monotonic() + ATTEMPT_SECONDS)
        await self._settlement.settle(item, push, report)

    def _member(self, item: OutboxItem) -> Member:
        """Find whose push it is; a workspace that was removed is as one that may not send."""
        snapshot = self._follower.snapshot
        gone = Workspace(id=item.workspace, name=item.workspace, apps=(), secrets=(), suspended=True)
        return (snapshot and snapshot.by_id(item.workspace)) or Member(gone, networks=(), by_topic={}, android=())
