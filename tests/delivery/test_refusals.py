"""Of many refusals alike one a second is told."""

from gateway.delivery.refusals import PAUSE_SECONDS, Refusals
from gateway.model.outcome import Later, Rejected
from gateway.model.reason import Reason
from tests.clock import ManualClock

TOO_FAST = Later(Reason.WORKSPACE_RATE)


async def test_one_a_second_is_told_with_how_many_were_not(clock: ManualClock) -> None:
    refusals = Refusals(clock)
    assert [refusals.untold("acme", TOO_FAST) for _ in range(4)] == [0, None, None, None]
    await clock.advance(PAUSE_SECONDS)
    assert [refusals.untold("acme", TOO_FAST) for _ in range(2)] == [3, None]


async def test_each_workspace_and_reason_is_told_for_itself(clock: ManualClock) -> None:
    refusals = Refusals(clock)
    told = [("acme", TOO_FAST), ("other", TOO_FAST), ("acme", Later(Reason.WORKSPACE_BUSY)), (None, TOO_FAST)]
    assert [refusals.untold(*one) for one in told] == [0, 0, 0, 0]


async def test_what_is_final_is_always_told(clock: ManualClock) -> None:
    refusals = Refusals(clock)
    assert [refusals.untold("acme", Rejected(Reason.QUOTA_MONTH)) for _ in range(3)] == [0, 0, 0]
