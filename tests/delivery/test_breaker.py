"""When a provider is left alone, and how it is found out that it takes pushes again."""

import pytest

from gateway.delivery.breaker import LONGEST_SECONDS, PROBE_SECONDS, SLOW_TRIPS_AT, TRIPS_AT, Breakers
from gateway.model.outbox import Lane
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from tests.clock import ManualClock

LANE, OTHER = Lane("Chat", "apns"), Lane("Chat", "fcm")
DOWN = Verdict(VerdictKind.LATER, Reason.APNS_UNREACHABLE)
TAKEN = Verdict(VerdictKind.ACCEPTED, Reason.DELIVERED, 200)
DEAD = Verdict(VerdictKind.DEAD, Reason.APNS_UNREGISTERED, 410)
DENIED = Verdict(VerdictKind.CREDENTIALS_REFUSED, Reason.APNS_INVALID_PROVIDER_TOKEN, 403)
TOO_MANY = Verdict(VerdictKind.LATER, Reason.APNS_TOO_MANY_REQUESTS, 429)
TOO_LARGE = Verdict(VerdictKind.REFUSED, Reason.PAYLOAD_TOO_LARGE)


@pytest.fixture
def breakers(clock: ManualClock) -> Breakers:
    return Breakers(clock)


def trip(breakers: Breakers, verdict: Verdict = DOWN, times: int = TRIPS_AT) -> None:
    for _ in range(times):
        breakers.heard(LANE, verdict)


@pytest.mark.parametrize("verdict", [DOWN, DENIED])
def test_failures_in_a_row_make_a_lane_rest_and_no_other(breakers: Breakers, verdict: Verdict) -> None:
    trip(breakers, verdict, TRIPS_AT - 1)
    assert breakers.allows(LANE)
    assert breakers.open() == set()
    breakers.heard(LANE, verdict)
    assert not breakers.allows(LANE)
    assert breakers.allows(OTHER)
    assert breakers.resting() == breakers.open() == {LANE}


@pytest.mark.parametrize("verdict", [TAKEN, DEAD])
def test_whatever_a_provider_says_of_a_push_ends_the_row(breakers: Breakers, verdict: Verdict) -> None:
    trip(breakers, times=TRIPS_AT - 1)
    breakers.heard(LANE, verdict)
    trip(breakers, times=TRIPS_AT - 1)
    assert breakers.allows(LANE)


@pytest.mark.parametrize("verdict", [TOO_MANY, TOO_LARGE])
def test_what_is_about_one_push_alone_teaches_nothing(breakers: Breakers, verdict: Verdict) -> None:
    trip(breakers, verdict)
    assert breakers.allows(LANE)
    trip(breakers, times=TRIPS_AT - 1)
    breakers.heard(LANE, verdict)
    breakers.heard(LANE, DOWN)
    assert not breakers.allows(LANE)


async def test_after_its_rest_one_push_finds_out(breakers: Breakers, clock: ManualClock) -> None:
    trip(breakers)
    await clock.advance(1.0)
    assert breakers.resting() == set()
    assert [breakers.allows(LANE) for _ in range(3)] == [True, False, False]
    assert breakers.resting() == breakers.open() == {LANE}
    breakers.heard(LANE, TAKEN)
    assert breakers.allows(LANE)
    assert breakers.open() == set()


async def test_a_push_that_finds_out_nothing_is_followed_by_another(breakers: Breakers, clock: ManualClock) -> None:
    trip(breakers)
    await clock.advance(1.0)
    assert breakers.allows(LANE)
    await clock.advance(PROBE_SECONDS)
    assert breakers.allows(LANE)


async def test_a_lane_that_stays_in_trouble_rests_longer_but_not_for_ever(
    breakers: Breakers, clock: ManualClock
) -> None:
    trip(breakers)
    for failure in range(20):
        longest = min(2.0**failure, LONGEST_SECONDS)
        await clock.advance(longest / 2 - 0.01)
        assert not breakers.allows(LANE)
        await clock.advance(longest / 2 + 0.01)
        assert breakers.allows(LANE)
        breakers.heard(LANE, DOWN)


@pytest.mark.parametrize(("asked", "rests"), [(20.0, 20.0), (3600.0, LONGEST_SECONDS)])
async def test_a_lane_rests_as_long_as_the_provider_asks_within_reason(
    breakers: Breakers, clock: ManualClock, asked: float, rests: float
) -> None:
    trip(breakers, Verdict(VerdictKind.LATER, Reason.FCM_UNAVAILABLE, 503, retry_after=asked))
    await clock.advance(rests - 0.1)
    assert not breakers.allows(LANE)
    await clock.advance(0.1)
    assert breakers.allows(LANE)


def test_a_provider_that_never_answers_in_time_is_in_trouble_too(breakers: Breakers) -> None:
    for _ in range(SLOW_TRIPS_AT - 1):
        breakers.slow(LANE)
    assert breakers.allows(LANE)
    breakers.heard(LANE, TAKEN)
    for _ in range(SLOW_TRIPS_AT):
        breakers.slow(LANE)
    assert not breakers.allows(LANE)
