"""The guard in one process and several: what it withholds, when it trips, and what ends that."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.config import GuardSettings
from gateway.delivery.follower import Follower
from gateway.delivery.guard import Guard, Trip
from gateway.delivery.push import Push, identified
from gateway.delivery.snapshot import Member, Route
from gateway.model.app import App, FcmCredentials
from gateway.model.notice import NoticeKind
from gateway.model.notification import Kind
from gateway.model.outbox import Lane
from gateway.model.outcome import Delivered, Later, Outcome, Rejected, TokenDead
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.observability.metrics import Metrics
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.conftest import VAULT, workspace
from tests.delivery.site import OpenSite, Site
from tests.providers.pushes import android_push, iphone_push

ACCEPTED = Verdict(VerdictKind.ACCEPTED, Reason.DELIVERED, 200)
INVALID = Verdict(VerdictKind.SUSPECT, Reason.FCM_INVALID_TOKEN, 400, "INVALID_ARGUMENT")
GONE = Verdict(VerdictKind.DEAD, Reason.FCM_UNREGISTERED, 404, "UNREGISTERED")
FOREIGN = Verdict(VerdictKind.FOREIGN, Reason.FCM_SENDER_ID_MISMATCH, 403, "SENDER_ID_MISMATCH")
TOO_LARGE = Verdict(VerdictKind.REFUSED, Reason.FCM_INVALID_ARGUMENT, 400, "INVALID_ARGUMENT")

DEAD = TokenDead(Reason.FCM_INVALID_TOKEN)
UNCONFIRMED = Rejected(Reason.GUARD_UNCONFIRMED, "fcm_invalid_token")
STOPPED = Rejected(Reason.GUARD_TRIPPED, "fcm_invalid_token")
TRIP = Trip("Chat", Reason.FCM_INVALID_TOKEN)


def push_to(number: int, **fields: Any) -> Push:
    member = Member(workspace("acme", **fields), networks=(), by_topic={}, android=())
    return identified(member, android_push(token=f"token:{number}"), VAULT)


def route(app: str = "Chat", fingerprint: str = "key") -> Route:
    credentials = FcmCredentials(project_id="p", client_email="e", service_account="{}", fingerprint=fingerprint)
    return Route(app, credentials)


class Guarded:
    """A gateway's guard, with the notices of its own, and pushes to ever new devices."""

    def __init__(self, site: Site, follower: Follower, clock: ManualClock, settings: GuardSettings) -> None:
        self.site = site
        self.metrics = Metrics(clock, "1.0")
        self.guard = Guard(follower, site.notices, settings, self.metrics, clock)
        self.heard: list[frozenset[Lane]] = []
        self.guard.tell(self.heard.append)
        self._number = 0

    def hear(self, verdict: Verdict, times: int = 1, *ways: Route, **fields: Any) -> list[Outcome]:
        """Let a provider say this of so many new devices."""
        first, self._number = self._number, self._number + times
        pushes = [push_to(number, **fields) for number in range(first, self._number)]
        return [self.guard.judged(verdict, True, push, ways or [route()]) for push in pushes]

    async def look(self) -> None:
        await self.site.turn()
        await self.guard.look()

    @property
    def trips(self) -> list[Trip]:
        return list(self.guard.trips())

    def withheld(self, reason: str) -> float:
        labels = {"app": "Chat", "reason": reason}
        return self.metrics.registry.get_sample_value("push_guard_withheld_total", labels) or 0.0


@pytest.fixture
async def here(open_site: OpenSite, follower: Follower, clock: ManualClock) -> AsyncIterator[Guarded]:
    yield Guarded(await open_site(), follower, clock, GuardSettings())


@pytest.fixture
async def there(open_site: OpenSite, follower: Follower, clock: ManualClock) -> AsyncIterator[Guarded]:
    yield Guarded(await open_site(), follower, clock, GuardSettings())


def test_single_dead_tokens_among_good_ones_end_at_once(here: Guarded) -> None:
    for _ in range(100):
        assert here.hear(ACCEPTED, 2) == [Delivered(), Delivered()]
        assert here.hear(INVALID) == [DEAD]
    assert here.trips == []


def test_while_nothing_is_delivered_two_tokens_end_and_no_more(here: Guarded) -> None:
    here.hear(ACCEPTED, 1000)
    assert here.hear(INVALID, 100) == [DEAD] * 2 + [UNCONFIRMED] * 18 + [STOPPED] * 80
    assert here.trips == [TRIP]
    assert here.withheld("fcm_invalid_token") == 98


def test_of_uninstalls_half_as_many_end_while_nothing_is_delivered(here: Guarded) -> None:
    outcomes = here.hear(GONE, 300)
    assert outcomes[:50] == [TokenDead(Reason.FCM_UNREGISTERED)] * 50
    assert outcomes[50:99] == [Rejected(Reason.GUARD_UNCONFIRMED, "fcm_unregistered")] * 49
    assert outcomes[99:] == [Rejected(Reason.GUARD_TRIPPED, "fcm_unregistered")] * 201


def test_a_delivery_vouches_for_one_more(here: Guarded) -> None:
    assert here.hear(INVALID, 3) == [DEAD, DEAD, UNCONFIRMED]
    here.hear(ACCEPTED)
    assert here.hear(INVALID, 2) == [DEAD, UNCONFIRMED]


def test_what_ends_no_token_trips_the_guard_too(here: Guarded) -> None:
    assert here.hear(FOREIGN, 19) == [Rejected(Reason.FCM_SENDER_ID_MISMATCH)] * 19
    assert here.hear(FOREIGN) == [Rejected(Reason.GUARD_TRIPPED, "fcm_sender_id_mismatch")]
    assert here.withheld("fcm_sender_id_mismatch") == 0


def test_unproven_credentials_trip_it_as_well(here: Guarded) -> None:
    outcomes = [here.guard.judged(INVALID, False, push_to(number), [route()]) for number in range(21)]
    assert set(outcomes[:19]) == {Rejected(Reason.FCM_INVALID_TOKEN_UNPROVEN)}
    assert outcomes[19:] == [STOPPED] * 2


def test_the_official_apps_tokens_are_foreign_and_no_fault_of_ours(here: Guarded) -> None:
    assert here.hear(FOREIGN, 50, forward=True) == [Rejected(Reason.FCM_SENDER_ID_MISMATCH)] * 50
    assert here.trips == []


def test_what_is_about_the_push_counts_for_nothing(here: Guarded) -> None:
    here.hear(INVALID, 15)
    here.hear(TOO_LARGE, 100)
    here.hear(INVALID, 4)
    assert here.trips == []
    here.hear(INVALID)
    assert here.trips == [TRIP]


def test_one_apps_trip_is_not_anothers(here: Guarded) -> None:
    here.hear(INVALID, 20, route("Other"))
    assert here.trips == [Trip("Other", Reason.FCM_INVALID_TOKEN)]
    assert here.hear(INVALID) == [DEAD]


def test_where_several_apps_were_asked_all_are_under_suspicion(here: Guarded) -> None:
    both = (route("Chat"), route("Other"))
    here.hear(INVALID, 20, *both)
    assert {trip.app for trip in here.trips} == {"Chat", "Other"}
    assert here.hear(INVALID, 1, route("Chat")) == [STOPPED]


def test_one_verdicts_trip_lets_others_pass(here: Guarded) -> None:
    here.hear(INVALID, 20)
    assert here.hear(GONE) == [TokenDead(Reason.FCM_UNREGISTERED)]


def test_a_notice_says_what_was_said_and_how_often(here: Guarded) -> None:
    here.hear(ACCEPTED, 6)
    here.hear(INVALID, 20)
    notice = here.site.notices.standing(NoticeKind.GUARD_TRIPPED, "Chat", "fcm_invalid_token")
    assert notice is not None
    assert notice.words == "400 INVALID_ARGUMENT of 20 of the last 26 different tokens"


async def test_a_trip_elsewhere_holds_here(here: Guarded, there: Guarded) -> None:
    there.hear(INVALID, 20)
    await there.look()
    await here.look()
    assert here.hear(INVALID) == [STOPPED]
    assert here.trips == [TRIP]


async def test_after_a_reset_elsewhere_what_was_heard_before_is_void(here: Guarded, there: Guarded) -> None:
    here.hear(INVALID, 19)
    there.hear(INVALID, 20)
    for one in (there, here):
        await one.look()
    there.site.notices.withdraw(NoticeKind.GUARD_TRIPPED, "Chat", "fcm_invalid_token")
    for one in (there, here):
        await one.look()
    assert here.hear(INVALID, 19) == [DEAD] * 2 + [UNCONFIRMED] * 17
    assert here.trips == []
    assert here.heard == there.heard == [frozenset({Lane("Chat", "fcm")})]


def test_a_lucky_success_resets_nothing_but_enough_of_them_do(here: Guarded) -> None:
    here.hear(INVALID, 20)
    here.hear(ACCEPTED, 19)
    assert here.trips == [TRIP]
    here.hear(ACCEPTED)
    assert here.trips == []
    assert here.hear(INVALID) == [DEAD]


def test_while_most_are_still_refused_successes_reset_nothing(here: Guarded) -> None:
    here.hear(INVALID, 20)
    for _ in range(50):
        here.hear(ACCEPTED)
        here.hear(INVALID)
    assert (here.trips, here.heard) == ([TRIP], [])


def test_one_providers_successes_do_not_speak_for_the_other(here: Guarded) -> None:
    here.hear(INVALID, 20)
    for number in range(100):
        push = identified(push_to(0).member, iphone_push(token=f"{number:064x}"), VAULT)
        here.guard.judged(ACCEPTED, True, push, [route()])
    here.guard.renewed(frozenset({Lane("Chat", "apns")}))
    assert here.trips == [TRIP]


def test_other_credentials_reset_it_and_the_old_ones_are_forgotten(here: Guarded) -> None:
    here.hear(INVALID, 20)
    here.hear(GONE, 99)
    here.guard.renewed(frozenset({Lane("Chat", "fcm")}))
    here.hear(INVALID, 19)
    here.hear(GONE, 80)
    assert here.trips == []


async def test_verdicts_on_credentials_that_were_replaced_meanwhile_prove_nothing(
    here: Guarded, follower: Follower, store: SqliteStore, service_account: FcmCredentials
) -> None:
    await store.put_app(App(id="1", name="Chat", fcm=service_account))
    await follower.check()
    assert here.hear(INVALID, 30, route(fingerprint="old")) == [UNCONFIRMED] * 30
    assert here.hear(FOREIGN, 1, route(fingerprint="old")) == [Rejected(Reason.FCM_SENDER_ID_MISMATCH)]
    assert here.trips == []
    assert here.hear(INVALID, 1, Route("Chat", service_account)) == [DEAD]


async def test_a_trip_of_an_app_that_is_gone_is_withdrawn(
    here: Guarded, follower: Follower, store: SqliteStore, service_account: FcmCredentials
) -> None:
    here.hear(INVALID, 20)
    await here.look()
    assert here.trips == [TRIP]
    await store.put_app(App(id="1", name="Another", fcm=service_account))
    await follower.check()
    await here.look()
    assert here.trips == []


async def test_on_hold_pushes_are_for_later_but_rings_cannot_wait(
    open_site: OpenSite, follower: Follower, clock: ManualClock
) -> None:
    holding = Guarded(await open_site(), follower, clock, GuardSettings(hold=True))
    assert holding.hear(INVALID, 19) == [DEAD] * 2 + [UNCONFIRMED] * 17
    assert holding.hear(INVALID) == [Later(Reason.GUARD_TRIPPED, "fcm_invalid_token")]
    member = push_to(0).member
    ring = identified(member, android_push(kind=Kind.VOIP_RING), VAULT)
    assert holding.guard.judged(INVALID, True, ring, [route()]) == STOPPED


def test_a_death_found_earlier_is_not_told_while_the_guard_stands(here: Guarded) -> None:
    found = TokenDead(Reason.FCM_INVALID_TOKEN)
    assert not here.guard.forbids(found, [route()])
    here.hear(INVALID, 20)
    withheld = here.withheld("fcm_invalid_token")
    assert here.guard.forbids(found, [route()])
    assert not here.guard.forbids(found, [route("Other")])
    assert not here.guard.forbids(TokenDead(Reason.FCM_UNREGISTERED), [route()])
    assert here.withheld("fcm_invalid_token") == withheld + 1
