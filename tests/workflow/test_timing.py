"""When a notification is sent that the rules let pass."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.workflow.situation import Receiver, Status
from gateway.workflow.timing import delay

NOW = 1_800_000_000.0


def receiver(status: Status, away_for: float | None = None) -> Receiver:
    since = None if away_for is None else datetime.fromtimestamp(NOW - away_for, UTC)
    return Receiver(id="bob", status=status, away_since=since)


@pytest.mark.parametrize(
    ("status", "away_for", "seconds"),
    [
        (Status.ONLINE, None, 120.0),
        (Status.ONLINE, 60.0, 120.0),
        (Status.BUSY, None, 120.0),
        (Status.AWAY, None, 120.0),
        (Status.AWAY, 0.0, 120.0),
        (Status.AWAY, 50.0, 70.0),
        (Status.AWAY, 120.0, 0.0),
        (Status.AWAY, 5000.0, 0.0),
        (Status.AWAY, -60.0, 120.0),
        (Status.OFFLINE, None, 0.0),
        (Status.OFFLINE, 5.0, 0.0),
    ],
)
def test_it_waits_as_long_as_its_receiver_may_still_read_it(
    status: Status, away_for: float | None, seconds: float
) -> None:
    assert delay(receiver(status, away_for), NOW, 120.0) == seconds


def test_nobody_waits_where_there_is_no_delay() -> None:
    assert {delay(receiver(status, 5.0), NOW, 0.0) for status in Status} == {0.0}


@given(status=st.sampled_from(Status), away_for=st.none() | st.floats(-1e6, 1e6), most=st.floats(0, 3600))
def test_it_never_waits_longer_than_for_somebody_online(status: Status, away_for: float | None, most: float) -> None:
    assert 0.0 <= delay(receiver(status, away_for), NOW, most) <= most
