"""What each workspace has sent this month, and what became of it: counted here, added up in the store.

Counts are written behind, once a second. An addition cannot be made twice without counting twice, so one of which
nobody knows whether the store has made it is not made again: rather too few are counted than a push turned away for one
that never was. After a failure the store is asked something before more is written, so an outage costs one batch.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import structlog

from gateway.model.clock import Clock, time_limit
from gateway.model.errors import StoreError
from gateway.model.outcome import Delivered, Outcome, Stored
from gateway.model.usage import Usage, end_of_month, month_of
from gateway.store.usage_port import UsageStore

WRITE_SECONDS = 1.0
RETRY_SECONDS = 5.0
"""The pause after the store has failed."""
BATCH = 500
FLUSH_SECONDS = 5.0
"""How long what is left may take at the end."""
TAKEN = frozenset({Delivered.label, Stored.label})
"""The outcomes of pushes that were taken, here or by the official gateway: those that a quota counts."""

log = structlog.stdlib.get_logger("gateway.delivery")


class _Key(NamedTuple):
    month: str
    workspace: str
    app: str
    outcome: str


class Usages:
    """The counts of all gateways as last read, with what this one has counted since."""

    def __init__(self, store: UsageStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._unwritten: Counter[_Key] = Counter()
        self._begin_month(clock.now())
        self._one_at_a_time = asyncio.Lock()  # what is being written must be in what is read, or not yet
        self._store_answers = True

    def count(self, workspace: str, app: str | None, outcome: Outcome) -> None:
        """Count one request of a workspace that was answered, with the name of the app it went through, if any."""
        key = _Key(self._present_month(), workspace, app or "", outcome.label)
        self._unwritten[key] += 1
        self._tally(key, 1)

    def of_workspace(self, name: str) -> int:
        """Return how many pushes of a workspace were taken this month, as far as it is known here."""
        self._present_month()
        return self._by_workspace[name]

    def of_app(self, name: str) -> int:
        """Return the same for an app."""
        self._present_month()
        return self._by_app[name]

    def _present_month(self) -> str:
        if (now := self._clock.now()) >= self._ends_at:
            self._begin_month(now)
        return self._month

    def _begin_month(self, now: float) -> None:
        self._month, self._ends_at = month_of(now), end_of_month(now)
        self._by_workspace: Counter[str] = Counter()
        self._by_app: Counter[str] = Counter()

    def _tally(self, key: _Key, number: int) -> None:
        if key.outcome in TAKEN:
            self._by_workspace[key.workspace] += number
            self._by_app[key.app] += number

    async def read(self) -> None:
        """Learn what all gateways have written.

        Raises:
            StoreError: the store does not answer; the counts stay as they were.
        """
        async with self._one_at_a_time:
            await self._read()

    async def _read(self) -> None:
        now = self._clock.now()
        stored = await self._store.month(month_of(now))
        self._begin_month(now)
        for usage in stored:
            self._tally(_Key(usage.month, usage.workspace, usage.app, usage.outcome), usage.count)
        for key, number in self._unwritten.items():
            if key.month == self._month:
                self._tally(key, number)

    async def run(self) -> None:
        """Write once a second until cancelled."""
        while True:
            await self._clock.sleep(WRITE_SECONDS if self._store_answers else RETRY_SECONDS)
            await self._turn()

    async def flush(self) -> None:
        """Write what is left once `run` has ended, as far as the store takes it in time."""
        try:
            async with time_limit(self._clock, FLUSH_SECONDS):
                await self._write()
        except (StoreError, TimeoutError) as error:
            log.error("usage_lost", lost=self._unwritten.total(), error=str(error) or "the store took too long")

    async def _turn(self) -> None:
        try:
            async with self._one_at_a_time:
                if not self._store_answers:
                    await self._read()
                await self._write()
        except StoreError as error:
            if self._store_answers:
                log.warning("usage_delayed", error=str(error))
            self._store_answers = False
        except Exception as error:  # a fault of ours must not end the writing
            log.error("usage_not_written", exc_info=error)
        else:
            self._store_answers = True

    async def _write(self) -> None:
        while batch := dict(islice(self._unwritten.items(), BATCH)):
            for key in batch:
                del self._unwritten[key]
            try:
                await self._store.count(_usages(batch.items()))
            except StoreError:
                log.warning("usage_uncertain", requests=sum(batch.values()))
                raise


def _usages(counts: Iterable[tuple[_Key, int]]) -> list[Usage]:
    return [Usage(**key._asdict(), count=number) for key, number in counts]
