"""A token bucket never gives out more than its rate and burst, and says truly when there is more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.token_bucket import TokenBucket

PAUSES = st.lists(st.floats(0.0, 5.0), min_size=1, max_size=200)


@given(st.floats(0.1, 50.0), st.integers(1, 20), PAUSES)
def test_no_more_is_taken_than_was_there_and_came(rate: float, burst: int, pauses: list[float]) -> None:
    bucket, now, taken = TokenBucket(burst, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(rate, burst, now) == 0.0
        assert taken <= burst + rate * now + 1e-6


@given(st.floats(0.1, 50.0), st.integers(1, 20))
def test_who_waits_as_long_as_said_gets_one(rate: float, burst: int) -> None:
    bucket = TokenBucket(burst, 0.0)
    assert all(bucket.take(rate, burst, 0.0) == 0.0 for _ in range(burst))
    wait = bucket.take(rate, burst, 0.0)
    assert wait == pytest.approx(1.0 / rate)
    assert bucket.take(rate, burst, wait * 0.99) > 0.0
    assert bucket.take(rate, burst, wait * 1.01) == 0.0


def test_who_cannot_wait_runs_into_debt_so_far_and_the_others_wait_for_it() -> None:
    bucket = TokenBucket(2, 0.0)
    assert [bucket.take(1.0, 2, 0.0, debt=2.0) for _ in range(4)] == [0.0] * 4
    assert bucket.take(1.0, 2, 0.0, debt=2.0) == pytest.approx(1.0)
    assert bucket.take(1.0, 2, 0.0) == pytest.approx(3.0)


def test_a_lower_rate_counts_at_once() -> None:
    bucket = TokenBucket(100, 0.0)
    assert bucket.take(1.0, 1, 0.0) == 0.0
    assert bucket.take(1.0, 1, 0.0) == pytest.approx(1.0)
