"""A token that was found dead after its push had been answered: the next push to it is answered 406, once.

The push after that is tried at the provider again, for tokens come back (an app restored from a backup, say).
"""

import structlog

from gateway.delivery.push import Push
from gateway.model.clock import Clock, time_limit
from gateway.model.errors import StoreError
from gateway.model.outbox import LateVerdict
from gateway.model.outcome import TokenDead
from gateway.model.reason import Reason
from gateway.store.port import Store

POLL_SECONDS = 2.0
OVERLAP_SECONDS = 30.0
"""How far back is read again: every gateway writes by a clock of its own."""
PAGE = 1000
CAPACITY = 100_000
"""How many are known at most; the oldest are forgotten first, and the provider will say it again."""
RETENTION_SECONDS = 90 * 86_400.0
TIDY_SECONDS = 3600.0
TAKE_SECONDS = 1.0
"""How long a push waits for the store to say whether it is the one to be told."""

log = structlog.stdlib.get_logger("gateway.delivery")


class LateVerdicts:
    """Knows them from memory, which follows the store; the store says who is the one to tell."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, LateVerdict] = {}
        self._used: dict[str, float] = {}  # when those that were told were heard, for they may be read once more
        self._cursor = 0.0
        self._tidy_at = clock.monotonic()
        self._store_answers = True

    async def told(self, push: Push) -> TokenDead | None:
        """Return what the server must be told in place of an attempt; whoever gets it tells it."""
        verdict = self._known.get(LateVerdict.id_of(push.member.workspace.id, push.device)) if self._known else None
        if verdict is None:
            return None
        try:
            async with time_limit(self._clock, TAKE_SECONDS):
                is_ours = await self._store.late_verdicts.take(verdict.workspace, verdict.device)
        except (StoreError, TimeoutError):
            return None
        self._forget(verdict)
        return TokenDead(Reason(verdict.reason), _HEARD_LATE, since=verdict.since) if is_ours else None

    def learn(self, verdict: LateVerdict) -> None:
        """Know one that was written down just now, without waiting to read it."""
        self._known[verdict.id] = verdict

    def _forget(self, verdict: LateVerdict) -> None:
        self._known.pop(verdict.id, None)
        self._used[verdict.id] = verdict.at

    async def run(self) -> None:
        """Follow the store until cancelled."""
        while True:
            await self._turn()
            await self._clock.sleep(POLL_SECONDS)

    async def _turn(self) -> None:
        try:
            await self._follow()
            await self._tidy()
        except StoreError as error:
            if self._store_answers:
                log.warning("late_verdicts_unavailable", error=str(error))
            self._store_answers = False
        except Exception as error:  # a fault of ours must not end the following
            log.error("late_verdicts_failed", exc_info=error)
        else:
            self._store_answers = True

    async def _follow(self) -> None:
        while True:
            page = await self._store.late_verdicts.since(self._cursor, PAGE)
            for verdict in page:
                if self._used.get(verdict.id, float("-inf")) < verdict.at:
                    self._known[verdict.id] = verdict
            if len(page) < PAGE or page[-1].at == self._cursor:
                break
            self._cursor = page[-1].at
        self._cursor = max(self._cursor, self._clock.now() - OVERLAP_SECONDS)
        self._used = {key: at for key, at in self._used.items() if at >= self._cursor}
        for key in list(self._known)[: max(0, len(self._known) - CAPACITY)]:
            del self._known[key]

    async def _tidy(self) -> None:
        now = self._clock.monotonic()
        if now >= self._tidy_at:
            removed = await self._store.late_verdicts.remove(self._clock.now() - RETENTION_SECONDS, PAGE)
            self._tidy_at = now if removed == PAGE else now + TIDY_SECONDS


_HEARD_LATE = "it said so after an earlier push to this device had been answered"
