"""What is told of a provider that does not take an app's pushes."""

from typing import Any

import pytest

from gateway.delivery.breaker import LONGEST_SECONDS, SLOW_TRIPS_AT, TRIP_SECONDS, TRIPS_AT, Breakers
from gateway.delivery.lane_watch import STANDS_SECONDS, LaneWatch
from gateway.delivery.notices import Notices
from gateway.model.notice import NoticeKind
from gateway.model.outbox import Lane
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock

LANE = Lane("Chat", "apns")
BUSY = Verdict(VerdictKind.LATER, Reason.APNS_SERVICE_UNAVAILABLE, 503, "ServiceUnavailable")
UNREACHABLE = Verdict(VerdictKind.LATER, Reason.APNS_UNREACHABLE)
DENIED = Verdict(VerdictKind.CREDENTIALS_REFUSED, Reason.APNS_INVALID_PROVIDER_TOKEN, 403, "InvalidProviderToken")
TAKEN = Verdict(VerdictKind.ACCEPTED, Reason.DELIVERED, 200)


class Watched:
    """Breakers that are watched, and the notices that come of it."""

    def __init__(self, notices: Notices, clock: ManualClock) -> None:
        self.notices = notices
        self.clock = clock
        self.breakers = Breakers(clock, LaneWatch(notices, clock))

    async def fail(self, verdict: Verdict) -> None:
        for number in range(TRIPS_AT):
            await self.clock.advance(TRIP_SECONDS if number else 0.0)
            self.breakers.heard(LANE, verdict)

    @property
    def standing(self) -> list[tuple[NoticeKind, str, str, str]]:
        return [(one.kind, one.subject, one.about, one.words) for one in self.notices.all()]


@pytest.fixture
def watched(store: SqliteStore, clock: ManualClock) -> Watched:
    return Watched(Notices(store.notices, clock), clock)


@pytest.mark.parametrize(
    ("verdict", "kind", "words"),
    [
        (BUSY, NoticeKind.BREAKER_OPEN, "503 ServiceUnavailable"),
        (UNREACHABLE, NoticeKind.BREAKER_OPEN, "apns_unreachable"),
        (DENIED, NoticeKind.CREDENTIALS_REFUSED, "403 InvalidProviderToken"),
    ],
)
async def test_a_lane_that_rests_stands_until_a_push_is_taken(
    watched: Watched, verdict: Verdict, kind: NoticeKind, words: Any
) -> None:
    await watched.fail(verdict)
    assert watched.standing == [(kind, "Chat", "apns", words)]
    watched.breakers.heard(LANE, TAKEN)
    assert watched.standing == []


async def test_failures_that_let_a_lane_flow_are_not_told(watched: Watched) -> None:
    watched.breakers.heard(LANE, BUSY)
    watched.breakers.heard(LANE, TAKEN)
    assert watched.standing == []


async def test_a_lane_that_is_too_slow_is_told(watched: Watched) -> None:
    for _ in range(SLOW_TRIPS_AT):
        watched.breakers.slow(LANE)
    assert watched.standing == [(NoticeKind.BREAKER_OPEN, "Chat", "apns", "no answer in time")]


async def test_what_a_dead_process_has_left_does_not_stand_for_ever(watched: Watched) -> None:
    await watched.fail(BUSY)
    await watched.clock.advance(STANDS_SECONDS)
    assert watched.standing == []


async def test_a_lane_that_goes_on_resting_is_told_again_after_a_while(watched: Watched) -> None:
    await watched.fail(BUSY)
    (first,) = watched.notices.all()
    await watched.clock.advance(LONGEST_SECONDS)
    watched.breakers.heard(LANE, DENIED)
    assert watched.notices.all()[0] == first
    await watched.clock.advance(STANDS_SECONDS)
    watched.breakers.heard(LANE, BUSY)
    (second,) = watched.notices.all()
    assert (second.id, second.at) == (first.id, watched.clock.now())
