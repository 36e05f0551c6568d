"""How the places of an app are shared among its workspaces."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.places import Places
from gateway.model.outbox import Lane

LANE, OTHER = Lane("Chat", "apns"), Lane("Chat", "fcm")
WORKSPACES = ("acme", "globex", "initech")


def taken_by(places: Places, workspace: str, own_limit: int | None = None) -> int:
    """Let a workspace take every place it gets; return how many those were."""
    number = 0
    while places.is_free(LANE, workspace, own_limit) and number < 1000:
        places.take(LANE, workspace)
        number += 1
    return number


@pytest.mark.parametrize(("limit", "gets"), [(1, 1), (2, 1), (3, 2), (10, 5), (11, 6)])
def test_a_workspace_alone_gets_half_of_the_places(limit: int, gets: int) -> None:
    assert taken_by(Places(limit), "acme") == gets


def test_beside_one_that_floods_another_gets_the_other_half() -> None:
    places = Places(10)
    assert [taken_by(places, workspace) for workspace in WORKSPACES] == [5, 5, 0]
    assert places.taken == {LANE: 10}


def test_up_to_half_of_the_places_anybody_takes() -> None:
    places = Places(10)
    for _ in range(4):
        places.take(LANE, "acme")
    assert places.is_free(LANE, "acme", None)


def test_lanes_have_places_of_their_own() -> None:
    places = Places(2)
    taken_by(places, "acme")
    assert places.is_free(OTHER, "acme", None)


@pytest.mark.parametrize(("limit", "own", "gets"), [(10, 4, 2), (4, 10, 5), (0, 4, 2), (10, None, 5)])
def test_an_apps_own_number_goes_before_the_usual(limit: int, own: int | None, gets: int) -> None:
    assert taken_by(Places(limit), "acme", own) == gets


@pytest.mark.parametrize(("limit", "own"), [(0, None), (10, 0)])
def test_without_a_limit_there_is_always_a_place(limit: int, own: int | None) -> None:
    assert taken_by(Places(limit), "acme", own) == 1000


def test_what_is_given_back_is_free_and_leaves_nothing_behind() -> None:
    places = Places(2)
    places.take(LANE, "acme")
    places.take(LANE, "acme")
    assert not places.is_free(LANE, "acme", None)
    places.give_back(LANE, "acme")
    places.give_back(LANE, "acme")
    assert places.is_free(LANE, "acme", None)
    assert places.taken == {}


@given(st.integers(1, 12), st.lists(st.tuples(st.sampled_from(WORKSPACES), st.booleans())))
def test_no_place_is_given_twice_and_who_has_few_finds_one(limit: int, steps: list[tuple[str, bool]]) -> None:
    places, held = Places(limit), Counter[str]()
    for workspace, takes in steps:
        is_free = places.is_free(LANE, workspace, None)
        if held.total() < limit and 2 * held[workspace] < limit:
            assert is_free
        if takes and is_free:
            places.take(LANE, workspace)
            held[workspace] += 1
        elif not takes and held[workspace]:
            places.give_back(LANE, workspace)
            held[workspace] -= 1
        assert places.taken.get(LANE, 0) == held.total() <= limit
