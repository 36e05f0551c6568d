"""Keeps the snapshot at the store's revision: a change made anywhere is live here within seconds."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

import structlog

from gateway.delivery.proofs import Proofs
from gateway.delivery.snapshot import Route, Snapshot
from gateway.model.clock import Clock
from gateway.model.errors import CredentialsError, StoreError
from gateway.model.outbox import Lane
from gateway.providers.providers import Providers
from gateway.store.port import Store

POLL_SECONDS = 2.0
MAX_MISSES = 10_000
LOOK_SECONDS = 0.25

log = structlog.stdlib.get_logger("gateway.delivery")


class Follower:
    """Holds the current snapshot, and asks the store every two seconds whether there is a newer one."""

    def __init__(self, store: Store, providers: Providers, proofs: Proofs, clock: Clock) -> None:
        self._store = store
        self._proofs = proofs
        self._providers = providers
        self._clock = clock
        self._checking = asyncio.Lock()
        self._checked_at = float("-inf")
        self._looked_at = float("-inf")
        self._misses: OrderedDict[str, float] = OrderedDict()
        self._listeners: list[Callable[[frozenset[Lane]], None]] = []
        self.snapshot: Snapshot | None = None
        self.store_answers = False
        self.broken: frozenset[str] = frozenset()
        self.has_looked = asyncio.Event()
        """Set once the store has been asked, whatever it answered."""

    @property
    def all_broken(self) -> bool:
        """Tell whether there are apps and not one has a key that can be used."""
        return self.snapshot is not None and bool(self.broken) and self.broken >= self.snapshot.app_names

    async def run(self) -> None:
        """Follow the store until cancelled."""
        while True:
            await self._check_quietly()
            self.has_looked.set()
            await self._clock.sleep(POLL_SECONDS)

    async def check(self) -> None:
        """Bring the snapshot up to the store's present revision.

        However many ask at the same time, the store is asked once after the last of them asked.

        Raises:
            StoreError: the store does not answer; the snapshot stays as it was.
        """
        asked_at = self._clock.monotonic()
        async with self._checking:
            if self._checked_at > asked_at:
                return
            started_at = self._clock.monotonic()
            await self._follow()
            self._checked_at = started_at

    async def look_again(self, missing: str, patiently: bool = False) -> None:
        """Ask the store once more before something is called unknown; what is asked again within 2 s is not.

        However many ask patiently, the store is asked four times a second for all of them.

        Raises:
            StoreError: the store does not answer.
        """
        now = self._clock.monotonic()
        if now - self._misses.get(missing, float("-inf")) < POLL_SECONDS:
            return
        await (self._look_patiently(now) if patiently else self.check())
        self._misses[missing] = now
        self._misses.move_to_end(missing)
        if len(self._misses) > MAX_MISSES:
            self._misses.popitem(last=False)

    async def _look_patiently(self, now: float) -> None:
        pause = self._looked_at + LOOK_SECONDS - now
        if pause > 0:
            await self._clock.sleep(pause)
        self._looked_at = max(self._looked_at, self._clock.monotonic())
        await self.check()

    async def _check_quietly(self) -> None:
        try:
            await self.check()
        except StoreError as error:
            if self.store_answers or self.snapshot is None:
                log.error("store_unavailable", error=str(error))
            self.store_answers = False
        except Exception as error:  # a fault of ours must not end the following: later changes may load well
            log.error("snapshot_failed", exc_info=error)

    async def _follow(self) -> None:
        revision = await self._store.revision()
        if self.snapshot is None or revision != self.snapshot.revision:
            await self._adopt(Snapshot(await self._store.load()))
        self.store_answers = True

    async def _adopt(self, snapshot: Snapshot) -> None:
        """Load the keys before the first push needs them; what is under way on old ones finishes."""
        broken = [route.app for route in snapshot.routes() if not await self._prepare(route)]
        self._proofs.learn(snapshot.proven)
        renewed = _renewed(self.snapshot, snapshot)
        self.broken, self.snapshot = frozenset(broken), snapshot
        self._providers.retain(snapshot.in_use)
        for listener in self._listeners if renewed else ():
            listener(renewed)
        log.info("snapshot_loaded", revision=snapshot.revision, apps=len(snapshot.apps), workspaces=snapshot.size)

    def tell(self, listener: Callable[[frozenset[Lane]], None]) -> None:
        """Have `listener` called with the lanes whose credentials were replaced."""
        self._listeners.append(listener)

    async def _prepare(self, route: Route) -> bool:
        try:
            await self._providers.prepare(route.credentials)
        except CredentialsError as error:
            log.error("credentials_unusable", app=route.app, error=str(error))
            return False
        return True


def _renewed(before: Snapshot | None, after: Snapshot) -> frozenset[Lane]:
    """List the lanes whose credentials are others than before."""
    old = before.fingerprints() if before else {}
    new = after.fingerprints()
    return frozenset(lane for lane, prints in old.items() if new.get(lane, prints) != prints)
