"""What the gateway owes: pushes that lie in the store until a provider has taken them.

Whoever works on an item holds its lease, renewed while the work goes on. So a gateway that dies gives its work back,
and nobody else sends what one is just sending.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec
import structlog

from gateway.delivery.doubts import Doubts
from gateway.delivery.group_commit import GroupCommit
from gateway.delivery.outbox_shares import OutboxLimits, OwnShares, Shares, no_own_shares
from gateway.model.clock import Clock, time_limit
from gateway.model.errors import StoreError
from gateway.model.outbox import Claim, Lane, LateVerdict, OutboxCount, OutboxItem, Postponement
from gateway.model.outcome import Later
from gateway.model.reason import Reason
from gateway.store.port import Store

LEASE_SECONDS = 15.0
WATCH_SECONDS = 1.0
"""The pause between two looks at what lies in the store."""
RENEW_SECONDS = 5.0
PUT_SECONDS = 3.0
"""How long a push waits for the store until its server is asked to come again."""
RETRY_SECONDS = 1.0
"""The pause after the store has failed to take what is done."""
BATCH = 500
FEW_ITEMS = 10_000
"""Up to so many, the lines of all of them are known here, whoever has put them in."""

T = TypeVar("T")
log = structlog.stdlib.get_logger("gateway.outbox")


class Outbox:
    """Puts items into the store, takes them out, and keeps the leases of those being worked on."""

    def __init__(self, store: Store, clock: Clock, limits: OutboxLimits, own: OwnShares = no_own_shares) -> None:
        self._store = store
        self._clock = clock
        self._shares = Shares(limits, own)
        self._owner = secrets.token_hex(8)
        self._held: dict[str, OutboxItem] = {}
        self._lines: dict[str, float] = {}  # those in which items wait, and when this process put the last one in
        self._doubts = Doubts(clock)
        self._renew_at = clock.monotonic()
        self._store_answers = True
        self._puts = GroupCommit(store.outbox.put, BATCH)
        self._finishes = GroupCommit(store.outbox.finish, BATCH)
        self._postponements = GroupCommit(self._postpone_all, BATCH)
        self._verdicts = GroupCommit(self._put_verdicts, BATCH)

    @property
    def in_flight(self) -> int:
        """How many items this process is working on."""
        return len(self._held)

    @property
    def count(self) -> OutboxCount:
        """What lay in the store when it was last looked at."""
        return self._shares.count

    def waits(self, line: str) -> bool:
        """Tell whether earlier pushes of a line wait, as far as it is known here."""
        return line in self._lines

    async def put(self, item: OutboxItem, leased: bool) -> Later | None:
        """Store an item; what hinders it is returned.

        Args:
            item: as it shall lie there, but for the lease.
            leased: whether it is being attempted already, by this process.
        """
        if refusal := self._shares.refusal(item.workspace, item.lane.app):
            return refusal
        until = self._clock.now() + LEASE_SECONDS if leased else 0.0
        stored = msgspec.structs.replace(item, owner=self._owner if leased else None, leased_until=until)
        if leased:
            self._held[item.id] = item
        try:
            async with time_limit(self._clock, PUT_SECONDS):
                await self._puts.add(stored)
        except (StoreError, TimeoutError) as error:
            log.warning("push_not_stored", request_id=item.id, error=str(error) or "the store took too long")
            self._held.pop(item.id, None)
            self._doubts.arise(item.id)
            return Later(Reason.STORE_UNAVAILABLE)
        self._doubts.vanish(item.id)
        self._lines[item.line] = self._clock.monotonic()
        self._shares.put(item.workspace, item.lane.app)
        return None

    def withdraw(self, push_id: str) -> None:
        """Hear that a push is done: should the store have taken it though it did not say so, it is taken out."""
        self._doubts.withdraw(push_id)

    async def claim(self, limit: int, closed: frozenset[Lane], held: frozenset[str] = frozenset()) -> list[OutboxItem]:
        """Take items that are due, none of closed lanes or held workspaces.

        Raises:
            StoreError: the store does not answer.
        """
        return self._hold(await self._store.outbox.claim(self._claim(limit, closed, held)))

    async def hasten(self, lane: Lane) -> None:
        """Let what waits on a lane be due now.

        Raises:
            StoreError: the store does not answer.
        """
        await self._store.outbox.hasten(lane, self._clock.now())

    async def claim_expired(self, limit: int) -> list[OutboxItem]:
        """Take items that are of no use any more.

        Raises:
            StoreError: the store does not answer.
        """
        return self._hold(await self._store.outbox.claim_expired(self._claim(limit)))

    def _claim(self, limit: int, closed: frozenset[Lane] = frozenset(), held: frozenset[str] = frozenset()) -> Claim:
        now = self._clock.now()
        return Claim(owner=self._owner, now=now, until=now + LEASE_SECONDS, limit=limit, closed=closed, held=held)

    def _hold(self, items: list[OutboxItem]) -> list[OutboxItem]:
        """Leave out what is worked on here already, and whose lease ran out while the store was away."""
        new = [item for item in items if item.id not in self._held]
        self._held.update((item.id, item) for item in new)
        return new

    @contextmanager
    def at_work(self, item: OutboxItem) -> Iterator[None]:
        """Work on an item in the block; after a fault of ours its lease runs out, and it is tried again."""
        try:
            yield
        except Exception as error:  # a fault of ours must not hold the item for ever
            log.error("stored_push_failed", request_id=item.id, exc_info=error)
            self._held.pop(item.id, None)

    async def finish(self, item: OutboxItem, verdict: LateVerdict | None = None) -> None:
        """Take out what is done, however long the store takes; the verdict that nobody was told is kept before."""
        if verdict is not None:
            await self._until_written(self._verdicts, verdict)
        await self._until_written(self._finishes, item.id)
        self._held.pop(item.id, None)

    async def postpone(self, item: OutboxItem, due_at: float, attempts: int, reason: str) -> None:
        """Give an item back for a later attempt, however long the store takes."""
        await self._until_written(
            self._postponements, Postponement(id=item.id, due_at=due_at, attempts=attempts, reason=reason)
        )

    async def _postpone_all(self, postponements: list[Postponement]) -> None:
        await self._store.outbox.postpone(self._owner, postponements)
        for one in postponements:  # at once, for it may be claimed again before those who wait are told
            self._held.pop(one.id, None)

    async def _put_verdicts(self, verdicts: list[LateVerdict]) -> None:
        """Date them anew: who follows looks back a little only, and these may have waited long for the store."""
        now = self._clock.now()
        await self._store.late_verdicts.put([msgspec.structs.replace(verdict, at=now) for verdict in verdicts])

    async def _until_written(self, commit: GroupCommit[T], one: T) -> None:
        """Try for as long as it takes: the lease keeps others away as far as the store can be told of it."""
        while True:
            try:
                await commit.add(one)
            except StoreError:  # the watch tells of it, once for all
                await self._clock.sleep(RETRY_SECONDS)
            else:
                return

    async def give_back(self) -> None:
        """Let others have at once what this process will not finish any more; call it when nothing is under way."""
        if not self._held:
            return
        left = [
            Postponement(id=item.id, due_at=item.due_at, attempts=item.attempts, reason=item.reason)
            for item in self._held.values()
        ]
        try:
            async with time_limit(self._clock, PUT_SECONDS):
                await self._postpone_all(left)
        except (StoreError, TimeoutError) as error:
            log.warning("leases_not_given_back", items=len(left), error=str(error) or "the store took too long")

    async def run(self) -> None:
        """Renew the leases, and look at what lies in the store, until cancelled."""
        while True:
            await self._clock.sleep(WATCH_SECONDS)
            await self.watch()

    async def watch(self) -> None:
        """Look at what lies in the store, as far as it answers; do so before the first push comes."""
        try:
            await self._renew()
            await self._settle_doubts()
            await self._look()
        except StoreError as error:
            if self._store_answers:
                log.warning("outbox_not_watched", error=str(error))
            self._store_answers = False
        except Exception as error:  # a fault of ours must not end the renewing
            log.error("outbox_watch_failed", exc_info=error)
        else:
            self._store_answers = True

    async def _renew(self) -> None:
        now = self._clock.monotonic()
        if now >= self._renew_at:
            if self._held:
                await self._store.outbox.renew(self._owner, set(self._held), self._clock.now() + LEASE_SECONDS)
            self._renew_at = now + RENEW_SECONDS

    async def _settle_doubts(self) -> None:
        if unwanted := self._doubts.unwanted():
            await self._store.outbox.finish(unwanted)
            self._doubts.settle(unwanted)

    async def _look(self) -> None:
        before = self._shares.added()
        self._shares.counted(await self._store.outbox.count(), before)
        looked_at = self._clock.monotonic()
        waiting = await self._waiting_lines()
        put_in_since = {line: at for line, at in self._lines.items() if at >= looked_at}
        self._lines = dict.fromkeys(waiting, float("-inf")) | put_in_since

    async def _waiting_lines(self) -> set[str]:
        """Find the lines that others have put items into as well, unless there are too many."""
        if self.count.total == 0 and not self._lines:
            return set()
        return await self._store.outbox.lines(None if self.count.total <= FEW_ITEMS else set(self._lines))
