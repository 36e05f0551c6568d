"""Writing behind the answers: no push waits for it; in trouble records are lost, not pushes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

import structlog

from gateway.model.backlog import BacklogStatistics
from gateway.model.clock import Clock, time_limit
from gateway.model.errors import StoreError

CAPACITY = 20_000
"""How many records of a kind wait at most."""
BATCH = 500
WRITE_SECONDS = 1.0
RETRY_SECONDS = 5.0
"""The pause after the store has failed."""
FLUSH_SECONDS = 5.0
"""How long what is left may take at the end."""
TIDY_SECONDS = 600.0
"""The pause after everything outdated is removed."""
TIDY_BATCH = 5_000

RecordT = TypeVar("RecordT")

log = structlog.stdlib.get_logger("gateway.delivery")


class WriteBehind(ABC, Generic[RecordT]):
    """Writes what waits in batches, and removes what is older than the retention.

    The records wait in whoever derives from this, `CAPACITY` at most together with the batch that is being written.
    """

    what: ClassVar[str]
    """The records' name in log lines."""

    def __init__(self, clock: Clock, retention: float) -> None:
        """Take the retention in seconds."""
        self._clock = clock
        self._retention = retention
        self._batch: list[RecordT] = []  # stays until the store has taken it, for which it may be given again
        self._written = 0
        self._dropped = 0
        self._store_answers = True
        self._tidy_at = clock.monotonic()

    @abstractmethod
    def _count(self) -> int:
        """Return how many wait, besides the batch."""

    @abstractmethod
    def _take(self, limit: int) -> list[RecordT]:
        """Return the next to be written, which wait no longer."""

    @abstractmethod
    async def _store_batch(self, batch: Sequence[RecordT]) -> None:
        """Write a batch; one of unknown fate comes again."""

    @abstractmethod
    async def _remove(self, before: float, limit: int) -> int:
        """Remove outdated records, `limit` at most, of those before `before` (UNIX seconds); return how many."""

    @property
    def _waiting(self) -> int:
        return self._count() + len(self._batch)

    def statistics(self) -> BacklogStatistics:
        """Return what waits now, and what has been written and dropped so far."""
        return BacklogStatistics(self._waiting, self._written, self._dropped)

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
            lost = len(self._batch) + len(self._take(CAPACITY))
            self._dropped += lost
            self._batch = []
            log.error("records_lost", what=self.what, lost=lost, error=str(error) or "the store took too long")

    async def _turn(self) -> None:
        try:
            await self._write()
            await self._tidy()
        except StoreError as error:
            if self._store_answers:
                log.error("records_delayed", what=self.what, error=str(error))
            self._store_answers = False
        except Exception as error:  # a fault of ours must not end the writing: what comes next may be written well
            log.error("records_not_written", what=self.what, lost=len(self._batch), exc_info=error)
            self._dropped += len(self._batch)
            self._batch = []
        else:
            if not self._store_answers:
                log.info("records_on_time", what=self.what, dropped=self._dropped)
            self._store_answers = True

    async def _write(self) -> None:
        while self._waiting:
            if not self._batch:
                self._batch = self._take(BATCH)
            await self._store_batch(self._batch)
            self._written += len(self._batch)
            self._batch = []

    async def _tidy(self) -> None:
        """Remove a bounded number, so that new records never wait long; there is more when that many were found."""
        now = self._clock.monotonic()
        if now >= self._tidy_at:
            removed = await self._remove(self._clock.now() - self._retention, TIDY_BATCH)
            self._tidy_at = now if removed == TIDY_BATCH else now + TIDY_SECONDS
