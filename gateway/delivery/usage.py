"""What every workspace has used of the month: counted behind the answers, shared by all gateways on the store.

To add the same counts twice is to count twice. So what the store may have taken without saying so is not written again:
rather too few are counted than a push turned away for one that never was. After a failure the store is read before more
is written, so that an outage costs one second's counts and not those of every try.
"""

from collections import Counter
from collections.abc import Iterable

import structlog

from gateway.model.clock import Clock, time_limit
from gateway.model.errors import StoreError
from gateway.model.usage import Usage, end_of_month, month_of
from gateway.store.usage_port import UsageStore

WRITE_SECONDS = 1.0
READ_SECONDS = 5.0
"""How long others' pushes may go unseen; of pushes a second times that a quota may be passed."""
FLUSH_SECONDS = 5.0
TAKEN = frozenset({"delivered", "stored"})
"""The outcomes by which a push counts against a quota: the server was answered 200 for it, for the first time."""

Key = tuple[str, str, str, str]

log = structlog.stdlib.get_logger("gateway.delivery")


class UsageCounter:
    """Counts what was answered; knows how much of the present month is used, up to some seconds ago."""

    def __init__(self, store: UsageStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._unwritten: Counter[Key] = Counter()
        self._month, self._ends_at = "", 0.0
        self._by_workspace: Counter[str] = Counter()
        self._by_app: Counter[str] = Counter()
        self._read_at = clock.monotonic()
        self._store_answers = True

    def count(self, workspace: str, app: str | None, outcome: str) -> None:
        """Count one answered request, by names and the outcome's label."""
        month = self._present()
        self._unwritten[month, workspace, app or "", outcome] += 1
        if outcome in TAKEN:
            self._by_workspace[workspace] += 1
            self._by_app[app or ""] += 1

    def of_workspace(self, workspace: str) -> int:
        """How many pushes of a workspace were taken this month."""
        self._present()
        return self._by_workspace[workspace]

    def of_app(self, app: str) -> int:
        """How many pushes were taken for an app this month."""
        self._present()
        return self._by_app[app]

    async def look(self) -> None:
        """Write what was counted, and now and then read what everybody has; do so before the first push comes."""
        try:
            if self._store_answers:
                await self._write()
            if not self._store_answers or self._clock.monotonic() >= self._read_at:
                await self._read()
                self._read_at = self._clock.monotonic() + READ_SECONDS
        except StoreError as error:
            if self._store_answers:
                log.warning("usage_not_counted", error=str(error))
            self._store_answers = False
        else:
            self._store_answers = True

    async def flush(self) -> None:
        """Write what is left, as far as the store takes it in time."""
        left = self._unwritten.total()
        try:
            async with time_limit(self._clock, FLUSH_SECONDS):
                await self._write()
        except (StoreError, TimeoutError) as error:
            log.warning("usage_lost", requests=left, error=str(error) or "the store took too long")

    def _present(self) -> str:
        """Return the month, and begin anew with a new one."""
        if (now := self._clock.now()) >= self._ends_at:
            self._month, self._ends_at = month_of(now), end_of_month(now)
            self._by_workspace, self._by_app = Counter(), Counter()
        return self._month

    async def _write(self) -> None:
        if not self._unwritten:
            return
        batch, self._unwritten = self._unwritten, Counter()
        try:
            await self._store.count([_usage(key, count) for key, count in batch.items()])
        except StoreError:
            log.warning("usage_uncertain", requests=batch.total())
            raise

    async def _read(self) -> None:
        month = self._present()
        used = await self._store.month(month)
        if month == self._present():
            self._by_workspace = _sums((one.workspace, one) for one in used)
            self._by_app = _sums((one.app, one) for one in used)
            for (_, workspace, app, outcome), count in self._unwritten.items():
                if outcome in TAKEN:
                    self._by_workspace[workspace] += count
                    self._by_app[app] += count


def _usage(key: Key, count: int) -> Usage:
    month, workspace, app, outcome = key
    return Usage(month=month, workspace=workspace, app=app, outcome=outcome, count=count)


def _sums(used: Iterable[tuple[str, Usage]]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for name, usage in used:
        if usage.outcome in TAKEN:
            sums[name] += usage.count
    return sums
