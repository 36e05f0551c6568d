"""What is known of a device after each push."""

from functools import reduce

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.device import MOST_WORKSPACES, Device, Sighting, after
from tests.sightings import death, sighting, stale, success


def learned(*sightings: Sighting) -> Device:
    return reduce(after, sightings[1:], after(None, sightings[0]))


def test_the_first_push_makes_the_device_known() -> None:
    device = learned(sighting(5.0, at=5.2))
    assert (device.first_seen, device.known_since, device.last_seen) == (5.0, 5.0, 5.2)
    assert (device.app, device.environment, device.last_success, device.refused_at) == (None, None, None, None)
    assert device.workspaces == ("acme",)


def test_who_took_it_last_is_remembered_with_its_environment_through_pushes_that_tell_nothing() -> None:
    device = learned(success(1.0), success(2.0, app="beta", environment="sandbox"), sighting(3.0))
    assert (device.app, device.environment, device.last_success, device.last_seen) == ("beta", "sandbox", 2.0, 3.0)


def test_a_foreign_token_is_remembered_through_what_the_official_gateway_takes_and_own_apps_deliver() -> None:
    foreign, forwarded = sighting(1.0, foreign_to="ours"), sighting(2.0, app="(official gateway)")
    for device in (learned(foreign, forwarded, success(3.0)), learned(foreign.joined(forwarded))):
        assert device.foreign_to == "ours"
    assert learned(foreign, forwarded).foreign_at == 1.0
    assert learned(foreign, sighting(2.0, foreign_to="more of ours")).foreign_to == "more of ours"


def test_workspaces_are_known_once_the_newest_last_and_the_oldest_forgotten() -> None:
    both = learned(*(sighting(float(at), workspaces=(name,)) for at, name in enumerate(["acme", "bmce", "acme"])))
    assert both.workspaces == ("bmce", "acme")
    many = learned(*(sighting(float(number), workspaces=(f"{number}",)) for number in range(MOST_WORKSPACES + 3)))
    assert many.workspaces == tuple(f"{number}" for number in range(3, MOST_WORKSPACES + 3))


@pytest.mark.parametrize(("given_since", "since"), [(2.5, 2.5), (0.0, 0.0), (None, 3.5)])
def test_a_death_is_remembered_with_its_reason_and_when_it_was_answered(
    given_since: float | None, since: float
) -> None:
    device = learned(success(1.0), death(3.0, at=3.5, dead_since=given_since))
    assert (device.dead_since, device.dead_reason, device.refused_at) == (since, "apns_unregistered", 3.5)
    assert (device.app, device.last_success, device.known_since) == ("chat", 1.0, 1.0)


def test_the_first_push_after_a_406_begins_a_new_life() -> None:
    device = learned(success(1.0), stale(2.0), death(3.0), sighting(4.0), sighting(5.0))
    assert (device.known_since, device.first_seen, device.refused_at) == (4.0, 1.0, 3.0)
    assert (device.dead_since, device.dead_reason, device.stale_since, device.stale_count) == (None, None, None, 0)


def test_a_push_that_was_under_way_at_the_406_begins_none() -> None:
    device = learned(success(1.0), death(3.0, at=3.5), sighting(3.2, at=3.7))
    assert (device.known_since, device.dead_reason) == (1.0, "apns_unregistered")


def test_a_second_death_in_a_new_life_ends_it() -> None:
    device = learned(death(1.0), death(2.0), sighting(3.0), death(4.0))
    assert (device.known_since, device.refused_at, device.dead_since) == (3.0, 4.0, 4.0)


def test_stale_verdicts_are_counted_from_the_first_until_a_push_is_taken() -> None:
    counted = learned(sighting(1.0), stale(2.0), sighting(3.0), stale(4.0))
    assert (counted.stale_since, counted.stale_count, counted.dead_since) == (2.0, 2, None)
    taken = learned(stale(2.0), stale(4.0), success(5.0))
    assert (taken.stale_since, taken.stale_count) == (None, 0)


def test_a_push_that_is_taken_proves_a_dead_device_alive() -> None:
    device = learned(death(3.0, at=3.5), success(3.2, at=3.7))
    assert (device.dead_since, device.dead_reason, device.refused_at) == (None, None, 3.5)


def test_an_older_sighting_that_comes_late_widens_what_is_known_and_turns_nothing_back() -> None:
    newest = learned(success(5.0, workspaces=("bmce",)))
    late = after(newest, death(3.0, workspaces=("acme",)))
    assert late == msgspec.structs.replace(newest, workspaces=("acme", "bmce"), first_seen=3.0, known_since=3.0)
    assert after(learned(death(5.0)), success(3.0)).dead_reason == "apns_unregistered"


def test_several_ordinary_sightings_join_into_one() -> None:
    joined = success(1.0).joined(sighting(2.0, workspaces=("bmce",))).joined(sighting(3.0))
    assert (joined.seen_at, joined.at, joined.success_at) == (1.0, 3.0, 1.0)
    assert (joined.app, joined.environment, joined.workspaces) == ("chat", "production", ("bmce", "acme"))
    later = joined.joined(success(4.0, app="beta", environment="sandbox"))
    assert (later.app, later.environment, later.success_at) == ("beta", "sandbox", 4.0)


_WORKSPACES = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=1).map(tuple)
_TOLD = st.one_of(
    st.builds(sighting, st.just(0.0), workspaces=_WORKSPACES),
    st.builds(success, st.just(0.0), workspaces=_WORKSPACES, app=st.sampled_from(["chat", "beta"])),
    st.builds(death, st.just(0.0), workspaces=_WORKSPACES),
    st.builds(stale, st.just(0.0), workspaces=_WORKSPACES),
)


def in_time(told: list[Sighting]) -> list[Sighting]:
    return [
        msgspec.structs.replace(
            one, seen_at=float(at), at=at + 0.5, success_at=None if one.success_at is None else at + 0.5
        )
        for at, one in enumerate(told)
    ]


@given(told=st.lists(_TOLD, min_size=1, max_size=8), again=st.integers(1, 8))
def test_a_batch_that_comes_twice_changes_nothing(told: list[Sighting], again: int) -> None:
    batch = in_time(told)
    device = learned(*batch)
    assert reduce(after, batch[-again:], device) == device


@given(told=st.lists(_TOLD.filter(lambda one: one.is_ordinary), min_size=1, max_size=8), before=st.lists(_TOLD))
def test_joined_sightings_tell_what_they_tell_one_by_one(told: list[Sighting], before: list[Sighting]) -> None:
    batch = in_time([*before, *told])
    known = learned(*batch[: len(before)]) if before else None
    ordinary = batch[len(before) :]
    assert after(known, reduce(Sighting.joined, ordinary)) == reduce(after, ordinary, known)


def test_a_device_does_not_show_its_token() -> None:
    assert "beef" not in repr(sighting(1.0)) + repr(learned(sighting(1.0)))
