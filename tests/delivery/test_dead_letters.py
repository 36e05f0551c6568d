"""Stored pushes that ended undelivered: one alarm an hour and app, with the count of all gateways."""

import pytest

from gateway.delivery.dead_letters import GRACE_SECONDS, HOUR, DeadLetters
from gateway.model.notice import Notice
from gateway.model.outcome import Cleared, Delivered, Expired, Rejected, TokenDead
from gateway.model.reason import Reason
from tests.clock import ManualClock
from tests.delivery.site import OpenSite, Site

EXPIRED, CLEARED = Expired(), Cleared(Reason.WORKSPACE_GONE)
REJECTED = Rejected(Reason.APNS_BAD_TOPIC)
ENDINGS = (Delivered(), TokenDead(Reason.APNS_UNREGISTERED))


class Process:
    """One of several gateways on a store."""

    def __init__(self, site: Site, name: str, clock: ManualClock) -> None:
        self.site = site
        self.letters = DeadLetters(site.notices, name, clock)
        self.alarms: list[tuple[str, str, str]] = []
        site.notices.tell(self._heard)

    def _heard(self, notice: Notice, _stands: bool) -> None:
        if notice.kind.is_alarm:
            self.alarms.append((notice.subject, notice.about, notice.words))


@pytest.fixture
async def processes(open_site: OpenSite, clock: ManualClock) -> list[Process]:
    return [Process(await open_site(), name, clock) for name in ("one", "other")]


async def pass_over(processes: list[Process], clock: ManualClock, hour: float) -> None:
    """Let all look right after an hour, and once more when its shares are there."""
    await clock.advance(hour + HOUR - clock.now())
    for grace in (0.0, GRACE_SECONDS):
        await clock.advance(grace)
        for process in processes:
            await process.letters.look()
        for process in (*processes, *processes):
            await process.site.turn()


async def test_an_hours_dead_letters_of_all_gateways_are_one_alarm_an_app(
    processes: list[Process], clock: ManualClock
) -> None:
    one, other = processes
    hour = clock.now()
    for outcome in (EXPIRED, EXPIRED, CLEARED, *ENDINGS):
        one.letters.ended("Chat", outcome)
    for outcome in (EXPIRED, REJECTED):
        other.letters.ended("Chat", outcome)
    other.letters.ended("Talk", REJECTED)
    await pass_over(processes, clock, hour)
    await pass_over(processes, clock, hour + HOUR)
    assert sorted(one.alarms + other.alarms) == [
        ("Chat", "2027-01-15T08:00Z", "5 in all: 1 cleared, 3 expired, 1 rejected"),
        ("Talk", "2027-01-15T08:00Z", "1 in all: 1 rejected"),
    ]


async def test_within_the_hour_nothing_is_told(processes: list[Process], clock: ManualClock) -> None:
    one, _ = processes
    await clock.advance(HOUR / 2)
    one.letters.ended("Chat", EXPIRED)
    await one.letters.look()
    await one.site.turn()
    assert one.site.notices.all() == ()


async def test_each_hour_has_an_alarm_of_its_own(processes: list[Process], clock: ManualClock) -> None:
    one, _ = processes
    hour = clock.now()
    for number in range(2):
        one.letters.ended("Chat", EXPIRED)
        await pass_over([one], clock, hour + number * HOUR)
    assert [about for _, about, _ in one.alarms] == ["2027-01-15T08:00Z", "2027-01-15T09:00Z"]


async def test_a_gateway_that_ends_leaves_its_share_to_the_others(processes: list[Process], clock: ManualClock) -> None:
    one, other = processes
    hour = clock.now()
    one.letters.ended("Chat", EXPIRED)
    one.letters.leave()
    await one.site.turn()
    await one.site.stop()
    await pass_over([other], clock, hour)
    assert other.alarms == [("Chat", "2027-01-15T08:00Z", "1 in all: 1 expired")]


async def test_without_dead_letters_there_is_no_alarm(processes: list[Process], clock: ManualClock) -> None:
    one, _ = processes
    one.letters.ended("Chat", Delivered())
    await pass_over([one], clock, clock.now())
    assert one.alarms == []
