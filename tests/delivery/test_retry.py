"""When a push is attempted again."""

import pytest

from gateway.delivery.retry import next_attempt

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("attempts", "longest"), [(0, 1.0), (1, 1.0), (2, 2.0), (5, 16.0), (9, 256.0), (10, 300.0), (10**6, 300.0)]
)
def test_the_wait_is_a_random_share_of_one_that_doubles_up_to_five_minutes(attempts: int, longest: float) -> None:
    waits = [next_attempt(NOW, attempts, None) - NOW for _ in range(2000)]
    assert 0.0 <= min(waits) < 0.1 * longest
    assert 0.9 * longest < max(waits) <= longest


def test_what_the_provider_asks_for_is_the_least() -> None:
    waits = [next_attempt(NOW, 5, 10.0) - NOW for _ in range(2000)]
    assert min(waits) == 10.0
    assert 10.0 < max(waits) <= 16.0


@pytest.mark.parametrize(("attempts", "wait"), [(0, 0.25), (1, 0.25), (2, 0.5), (4, 2.0), (5, 4.0), (10**6, 4.0)])
def test_a_ring_waits_a_quarter_of_a_second_doubled_up_to_four(attempts: int, wait: float) -> None:
    assert next_attempt(NOW, attempts, None, is_ring=True) - NOW == wait


@pytest.mark.parametrize(("asked", "wait"), [(0.1, 0.5), (3.0, 3.0), (600.0, 4.0)])
def test_no_providers_wish_makes_a_ring_wait_over_four_seconds(asked: float, wait: float) -> None:
    assert next_attempt(NOW, 2, asked, is_ring=True) - NOW == wait
