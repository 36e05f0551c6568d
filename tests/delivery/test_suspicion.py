"""When a verdict on many tokens is taken for a fault of ours."""

import pytest

from gateway.config import GuardSettings
from gateway.delivery.suspicion import Bounds, Recovery, Sample, Suspicion, bounds_of
from gateway.model.reason import Reason

BAD, TOPIC, GONE, GOOD = (
    Reason.APNS_BAD_DEVICE_TOKEN,
    Reason.APNS_DEVICE_TOKEN_NOT_FOR_TOPIC,
    Reason.APNS_UNREGISTERED,
    Reason.DELIVERED,
)
SETTINGS = GuardSettings(minutes=10.0, tokens=20, share=0.5, unregistered_tokens=100, unregistered_share=0.5)
DOUBTFUL, UNREGISTERED = bounds_of(SETTINGS)


def trips_at(bounds: Bounds, verdicts: list[Reason], seconds_apart: float = 0.0) -> int | None:
    """Tell by which of these, each on another token, it is too many."""
    suspicion = Suspicion(bounds)
    for number, reason in enumerate(verdicts):
        device, now = f"device {number}", number * seconds_apart
        if reason is GOOD:
            suspicion.delivered(device, now)
        elif suspicion.refused(device, reason, now):
            return number + 1
    return None


@pytest.mark.parametrize(
    ("verdicts", "at"),
    [
        ([BAD] * 19, None),
        ([BAD] * 100, 20),
        ([GOOD, BAD] * 100, None),
        ([GOOD, BAD, BAD] * 100, 30),
        ([GOOD, GOOD, BAD] * 100, None),
        ([GOOD] * 1000 + [BAD] * 100, 1021),
        ([BAD, TOPIC] * 19, None),
        ([GOOD] * 1000, None),
    ],
    ids=[
        "too few",
        "nothing else",
        "not over the share",
        "over it",
        "far under it",
        "many good ones before do not count for ever",
        "each verdict is counted by itself",
        "all is well",
    ],
)
def test_many_tokens_and_most_of_all_are_too_many(verdicts: list[Reason], at: int | None) -> None:
    assert trips_at(DOUBTFUL, verdicts) == at


@pytest.mark.parametrize(
    ("verdicts", "at"),
    [
        ([GONE] * 99, None),
        ([GONE] * 200, 100),
        ([GOOD] * 49 + [GONE] * 51, 100),
        ([GOOD] * 50 + [GONE] * 50, None),
        ([GOOD, GONE] * 500, None),
        ([GOOD] * 10_000 + [GONE] * 200, 10_101),
        ([GOOD, GOOD, GOOD, GONE] * 500, None),
    ],
)
def test_uninstalls_are_too_many_when_they_are_over_half_of_a_hundred(verdicts: list[Reason], at: int | None) -> None:
    assert trips_at(UNREGISTERED, verdicts) == at


def test_what_is_long_ago_does_not_count() -> None:
    assert trips_at(DOUBTFUL, [BAD] * 200, seconds_apart=32.0) is None
    assert trips_at(DOUBTFUL, [BAD] * 200, seconds_apart=31.0) == 20


def test_one_token_is_one_however_often_it_is_refused() -> None:
    suspicion = Suspicion(DOUBTFUL)
    assert not any(suspicion.refused("device", BAD, 0.0) for _ in range(100))
    assert (len(suspicion.sample), suspicion.sample.count(BAD)) == (1, 1)


def test_what_was_said_of_a_token_last_counts() -> None:
    sample = Sample(size=3)
    for device, reason in (("a", BAD), ("b", BAD), ("a", GOOD)):
        sample.hear(device, reason, 0.0)
    assert (len(sample), sample.count(BAD), sample.count(GOOD)) == (2, 1, 1)


@pytest.mark.parametrize("bounds", [DOUBTFUL, UNREGISTERED])
def test_no_more_tokens_are_known_than_it_takes(bounds: Bounds) -> None:
    suspicion = Suspicion(bounds)
    for number in range(1000):
        suspicion.delivered(f"device {number}", 0.0)
    assert len(suspicion.sample) == bounds.size == 2 * bounds.heard


@pytest.mark.parametrize(("tokens", "reserve"), [(1, 1), (20, 2), (100, 10)])
def test_a_tenth_of_what_is_too_many_may_end_before(tokens: int, reserve: int) -> None:
    assert bounds_of(GuardSettings(tokens=tokens))[0].reserve == reserve


def test_a_share_of_one_is_all_of_them() -> None:
    strict, _ = bounds_of(GuardSettings(tokens=20, share=1.0))
    assert trips_at(strict, [GOOD] + [BAD] * 30) == 21


def test_each_device_that_takes_a_push_gives_one_end_back_and_no_more() -> None:
    suspicion = Suspicion(DOUBTFUL)
    suspicion.reserve = 0
    for device, reserve in (("one", 1), ("one", 1), ("two", 2), ("three", 2)):
        suspicion.delivered(device, 0.0)
        assert suspicion.reserve == reserve
    suspicion.reserve = 0
    suspicion.refused("one", BAD, 0.0)
    suspicion.delivered("one", 0.0)
    assert suspicion.reserve == 1


@pytest.mark.parametrize(
    ("verdicts", "is_complete"),
    [
        ([GOOD] * 19, False),
        ([GOOD] * 20, True),
        ([GOOD, GOOD, GOOD, BAD] * 5, True),
        ([GOOD, GOOD, BAD] * 10, False),
        ([BAD] * 100 + [GOOD], False),
        ([BAD] * 100 + [GOOD] * 30, True),
        ([GOOD, GOOD, TOPIC] * 10, False),
    ],
)
def test_sends_succeed_again_when_enough_of_them_do(verdicts: list[Reason], is_complete: bool) -> None:
    recovery = Recovery(DOUBTFUL)
    for number, reason in enumerate(verdicts):
        recovery.hear(f"device {number}", reason, number * 3600.0)
    assert recovery.is_complete is is_complete
