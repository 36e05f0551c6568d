"""Counts of a month: none twice, none in another month, and what others have counted is seen."""

from collections.abc import Sequence

import pytest

from gateway.delivery.usage import READ_SECONDS, UsageCounter
from gateway.model.errors import StoreError
from gateway.model.usage import Usage
from tests.clock import ManualClock

DECEMBER = 1_796_083_200.0
"""2026-12-01T00:00:00Z."""


class Ledger:
    """Counts by month, workspace, app and outcome; a `cut` line takes what it is given and does not say so."""

    def __init__(self) -> None:
        self.counts: dict[str, Usage] = {}
        self.cut = False

    async def count(self, usages: Sequence[Usage]) -> None:
        for usage in usages:
            before = self.counts[usage.id].count if usage.id in self.counts else 0
            fields = {"month": usage.month, "workspace": usage.workspace, "app": usage.app, "outcome": usage.outcome}
            self.counts[usage.id] = Usage(**fields, count=before + usage.count)
        self._answer()

    async def month(self, month: str) -> list[Usage]:
        self._answer()
        return [usage for usage in self.counts.values() if usage.month == month]

    def _answer(self) -> None:
        if self.cut:
            raise StoreError("the line is cut")

    def total(self, month: str) -> int:
        return sum(usage.count for usage in self.counts.values() if usage.month == month)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(DECEMBER - 10.0)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def counted(usage: UsageCounter, times: int, outcome: str = "delivered") -> None:
    for _ in range(times):
        usage.count("acme", "chat", outcome)


async def test_what_was_taken_counts_at_once_and_is_added_to_what_others_have_counted(
    ledger: Ledger, clock: ManualClock
) -> None:
    one, other = UsageCounter(ledger, clock), UsageCounter(ledger, clock)
    counted(one, 3)
    counted(one, 2, outcome="rejected")
    assert (one.of_workspace("acme"), one.of_app("chat"), other.of_workspace("acme")) == (3, 3, 0)
    await one.look()
    counted(other, 1, outcome="stored")
    await other.look()
    assert (other.of_workspace("acme"), other.of_app("chat")) == (4, 4)
    await clock.advance(READ_SECONDS)
    await one.look()
    assert one.of_workspace("acme") == 4


async def test_what_the_store_may_have_taken_is_not_given_to_it_again(ledger: Ledger, clock: ManualClock) -> None:
    usage = UsageCounter(ledger, clock)
    counted(usage, 3)
    ledger.cut = True
    for _ in range(3):
        await usage.look()
        counted(usage, 1)
    ledger.cut = False
    for _ in range(2):
        await usage.look()
    assert ledger.total("2026-11") == 6
    assert usage.of_workspace("acme") == 6


async def test_what_is_left_of_the_old_month_does_not_count_in_the_new_one(ledger: Ledger, clock: ManualClock) -> None:
    usage = UsageCounter(ledger, clock)
    ledger.cut = True
    counted(usage, 1)
    await usage.look()
    counted(usage, 7)
    await clock.advance(11.0)
    ledger.cut = False
    await usage.look()
    assert usage.of_workspace("acme") == 0, "the store was read before what is left of November was written"
    counted(usage, 2)
    await usage.look()
    assert (ledger.total("2026-11"), ledger.total("2026-12"), usage.of_workspace("acme")) == (8, 2, 2)


async def test_at_the_end_what_is_left_is_written(ledger: Ledger, clock: ManualClock) -> None:
    usage = UsageCounter(ledger, clock)
    counted(usage, 2)
    await usage.flush()
    await usage.flush()
    assert ledger.total("2026-11") == 2
