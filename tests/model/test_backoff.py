import pytest

from gateway.model.backoff import backoff


@pytest.mark.parametrize(
    ("failures", "longest"), [(1, 0.1), (2, 0.2), (3, 0.4), (8, 12.8), (9, 25.6), (10, 30.0), (10_000, 30.0)]
)
def test_each_pause_is_twice_the_one_before_up_to_the_longest(failures: int, longest: float) -> None:
    pauses = [backoff(failures, 0.1, 30.0) for _ in range(200)]
    assert longest / 2 <= min(pauses) <= max(pauses) <= longest


def test_not_everybody_comes_back_at_once() -> None:
    assert len({backoff(1, 0.1, 30.0) for _ in range(20)}) > 1
