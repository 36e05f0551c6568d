"""The delivery log is written behind the answers: no push waits for it; in trouble the log loses lines, not pushes."""

from collections import deque

import structlog

from gateway.model.clock import Clock, time_limit
from gateway.model.delivery import Delivery, DeliveryLogStatistics
from gateway.model.errors import StoreError
from gateway.store.port import Store

CAPACITY = 20_000
"""How many deliveries wait at most."""
BATCH = 500
WRITE_SECONDS = 1.0
RETRY_SECONDS = 5.0
"""The pause after the store has failed."""
FLUSH_SECONDS = 5.0
"""How long what is left may take at the end."""
TIDY_SECONDS = 600.0
"""The pause after everything outdated is removed."""
TIDY_BATCH = 5_000

log = structlog.stdlib.get_logger("gateway.delivery")


class DeliveryLog:
    """Takes deliveries at once and writes them in batches; removes those older than the retention."""

    def __init__(self, store: Store, clock: Clock, retention: float) -> None:
        """Take the retention in seconds."""
        self._store = store
        self._clock = clock
        self._retention = retention
        self._waiting: deque[Delivery] = deque()
        self._batch: list[Delivery] = []  # stays until the store has taken it, for which it may be given again
        self._written = 0
        self._dropped = 0
        self._store_answers = True
        self._tidy_at = clock.monotonic()

    def add(self, delivery: Delivery) -> None:
        """Take one to be written; where too many wait, the oldest is dropped."""
        if len(self._waiting) + len(self._batch) >= CAPACITY:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(delivery)

    def statistics(self) -> DeliveryLogStatistics:
        """Return what waits now, and what has been written and dropped so far."""
        return DeliveryLogStatistics(len(self._waiting) + len(self._batch), self._written, self._dropped)

    async def run(self) -> None:
        """Write once a second, and tidy up, until cancelled."""
        while True:
            await self._clock.sleep(WRITE_SECONDS if self._store_answers else RETRY_SECONDS)
            await self._turn()

    async def flush(self) -> None:
        """Write what is left once `run` has ended, as far as the store takes it in time."""
        try:
            async with time_limit(self._clock, FLUSH_SECONDS):
                await self._write()
        except (StoreError, TimeoutError) as error:
            lost = self.statistics().waiting
            self._dropped += lost
            self._batch, self._waiting = [], deque()
            log.error("deliveries_lost", lost=lost, error=str(error) or "the store took too long")

    async def _turn(self) -> None:
        try:
            await self._write()
            await self._tidy()
        except StoreError as error:
            if self._store_answers:
                log.error("delivery_log_unavailable", error=str(error))
            self._store_answers = False
        except Exception as error:  # a fault of ours must not end the log: what comes next may be written well
            log.error("deliveries_not_written", lost=len(self._batch), exc_info=error)
            self._dropped += len(self._batch)
            self._batch = []
        else:
            if not self._store_answers:
                log.info("delivery_log_available", dropped=self._dropped)
            self._store_answers = True

    async def _write(self) -> None:
        while self._batch or self._waiting:
            if not self._batch:
                self._batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            await self._store.add(self._batch)
            self._written += len(self._batch)
            self._batch = []

    async def _tidy(self) -> None:
        """Remove a bounded number, so that new deliveries never wait long; there is more when that many were found."""
        now = self._clock.monotonic()
        if now >= self._tidy_at:
            removed = await self._store.remove_deliveries(self._clock.now() - self._retention, TIDY_BATCH)
            self._tidy_at = now if removed == TIDY_BATCH else now + TIDY_SECONDS
