"""Labels of workspaces: bounded, and never taken away."""

from gateway.observability.busy_names import MOST, NAMED_AFTER, OTHER, SHARE, BusyNames

MANY = 10_000


def test_where_there_are_few_each_has_its_name_at_once() -> None:
    names = BusyNames(lambda: MOST)
    assert [names.label_of(f"workspace {number}") for number in range(3)] == [f"workspace {n}" for n in range(3)]


def test_of_many_a_workspace_gets_its_name_when_it_turns_out_busy_and_keeps_it() -> None:
    names = BusyNames(lambda: MANY)
    assert [names.label_of("acme") for _ in range(NAMED_AFTER)] == [OTHER] * NAMED_AFTER
    assert names.label_of("acme") == names.label_of("acme") == "acme"
    assert {names.label_of(f"workspace {number}") for number in range(MANY)} == {OTHER}
    assert names.label_of("acme") == "acme"


def test_who_sends_but_a_small_part_of_all_has_no_name_however_long_it_sends() -> None:
    names = BusyNames(lambda: MANY)
    for _ in range(2 * NAMED_AFTER):
        assert names.label_of("small") == OTHER
        for _ in range(2 * SHARE):
            names.label_of("large")
    assert names.label_of("large") == "large"


def test_there_are_only_so_many_names() -> None:
    names = BusyNames(lambda: MANY)
    for number in range(MOST + 5):
        for _ in range(10 * NAMED_AFTER):
            names.label_of(f"workspace {number}")
    labels = {names.label_of(f"workspace {number}") for number in range(MOST + 5)}
    assert labels == {OTHER, *(f"workspace {number}" for number in range(MOST))}
