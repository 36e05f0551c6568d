"""When a provider is left alone, and how it is found out that it takes pushes again."""

import pytest

from gateway.delivery.breaker import (
    LONGEST_SECONDS,
    PROBE_SECONDS,
    SLOW_TRIPS_AT,
    TRIP_SECONDS,
    TRIPS_AT,
    Breakers,
)
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


class Troubled:
    """Breakers, and a lane that fails."""

    def __init__(self, clock: ManualClock) -> None:
        self.breakers = Breakers(clock)
        self.clock = clock

    async def fail(self, verdict: Verdict = DOWN, times: int = TRIPS_AT) -> None:
        """Let a lane fail so many times, the last one after the time that must lie between the first and it."""
        for number in range(times):
            await self.clock.advance(TRIP_SECONDS / (times - 1) if number else 0.0)
            self.breakers.heard(LANE, verdict)


@pytest.fixture
def troubled(clock: ManualClock) -> Troubled:
    return Troubled(clock)


@pytest.fixture
def breakers(troubled: Troubled) -> Breakers:
    return troubled.breakers


async def test_credentials_that_are_refused_make_a_lane_rest_at_once(breakers: Breakers) -> None:
    breakers.heard(LANE, DENIED)
    assert not breakers.allows(LANE)
    breakers.renewed(LANE)
    assert breakers.allows(LANE)
    assert breakers.open() == set()


async def test_failures_in_a_row_make_a_lane_rest_and_no_other(breakers: Breakers, troubled: Troubled) -> None:
    verdict = DOWN
    await troubled.fail(verdict, TRIPS_AT - 1)
    assert breakers.allows(LANE)
    assert breakers.open() == set()
    breakers.heard(LANE, verdict)
    assert not breakers.allows(LANE)
    assert breakers.allows(OTHER)
    assert breakers.resting() == breakers.open() == {LANE}


async def test_a_connection_that_breaks_with_many_pushes_on_it_is_no_outage(
    breakers: Breakers, clock: ManualClock
) -> None:
    for _ in range(100):
        breakers.heard(LANE, DOWN)
    assert breakers.allows(LANE)
    await clock.advance(TRIP_SECONDS)
    assert breakers.allows(LANE)
    breakers.heard(LANE, DOWN)
    assert not breakers.allows(LANE)


async def test_the_row_begins_with_its_first_failure_not_with_a_slow_answer(
    breakers: Breakers, clock: ManualClock
) -> None:
    breakers.slow(LANE)
    await clock.advance(TRIP_SECONDS)
    for _ in range(TRIPS_AT):
        breakers.heard(LANE, DOWN)
    assert breakers.allows(LANE)


@pytest.mark.parametrize("verdict", [TAKEN, DEAD])
async def test_whatever_a_provider_says_of_a_push_ends_the_row(
    breakers: Breakers, troubled: Troubled, verdict: Verdict
) -> None:
    await troubled.fail(times=TRIPS_AT - 1)
    breakers.heard(LANE, verdict)
    await troubled.fail(times=TRIPS_AT - 1)
    assert breakers.allows(LANE)


@pytest.mark.parametrize("verdict", [TOO_MANY, TOO_LARGE])
async def test_what_is_about_one_push_alone_teaches_nothing(
    breakers: Breakers, troubled: Troubled, verdict: Verdict
) -> None:
    await troubled.fail(verdict)
    assert breakers.allows(LANE)
    await troubled.fail(times=TRIPS_AT - 1)
    breakers.heard(LANE, verdict)
    breakers.heard(LANE, DOWN)
    assert not breakers.allows(LANE)


async def test_after_its_rest_one_push_finds_out(breakers: Breakers, troubled: Troubled, clock: ManualClock) -> None:
    await troubled.fail()
    await clock.advance(1.0)
    assert breakers.resting() == set()
    assert [breakers.allows(LANE) for _ in range(3)] == [True, False, False]
    assert breakers.resting() == breakers.open() == {LANE}
    breakers.heard(LANE, TAKEN)
    assert breakers.allows(LANE)
    assert breakers.open() == set()


async def test_a_push_that_finds_out_nothing_is_followed_by_another(
    breakers: Breakers, troubled: Troubled, clock: ManualClock
) -> None:
    await troubled.fail()
    await clock.advance(1.0)
    assert breakers.allows(LANE)
    await clock.advance(PROBE_SECONDS)
    assert breakers.allows(LANE)


async def test_a_lane_that_stays_in_trouble_rests_longer_but_not_for_ever(
    breakers: Breakers, troubled: Troubled, clock: ManualClock
) -> None:
    await troubled.fail()
    for failure in range(20):
        longest = min(2.0**failure, LONGEST_SECONDS)
        await clock.advance(longest / 2 - 0.01)
        assert not breakers.allows(LANE)
        await clock.advance(longest / 2 + 0.01)
        assert breakers.allows(LANE)
        breakers.heard(LANE, DOWN)


async def test_attempts_from_before_the_rest_do_not_prolong_it(
    breakers: Breakers, troubled: Troubled, clock: ManualClock
) -> None:
    await troubled.fail()
    for _ in range(100):
        breakers.heard(LANE, DOWN)
    await clock.advance(1.0)
    assert breakers.allows(LANE)


@pytest.mark.parametrize(("asked", "rests"), [(12.0, 12.0), (3600.0, LONGEST_SECONDS)])
async def test_a_lane_rests_as_long_as_the_provider_asks_within_reason(
    breakers: Breakers, troubled: Troubled, clock: ManualClock, asked: float, rests: float
) -> None:
    await troubled.fail(Verdict(VerdictKind.LATER, Reason.FCM_UNAVAILABLE, 503, retry_after=asked))
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


class Watching:
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Lane, Verdict | None] | Lane] = []

    def rests(self, lane: Lane, verdict: Verdict | None) -> None:
        self.heard.append((lane, verdict))

    def flows(self, lane: Lane) -> None:
        self.heard.append(lane)


async def test_who_watches_hears_of_every_rest_and_of_the_end_of_the_trouble(clock: ManualClock) -> None:
    watching = Watching()
    breakers = Breakers(clock, watching)
    breakers.heard(OTHER, DOWN)
    breakers.heard(OTHER, TAKEN)
    for number in range(TRIPS_AT):
        await clock.advance(TRIP_SECONDS if number else 0.0)
        breakers.heard(LANE, DOWN)
    await clock.advance(LONGEST_SECONDS)
    breakers.heard(LANE, DENIED)
    breakers.heard(LANE, TAKEN)
    for _ in range(SLOW_TRIPS_AT):
        breakers.slow(LANE)
    assert watching.heard == [(LANE, DOWN), (LANE, DENIED), LANE, (LANE, None)]
