"""Labels of workspaces: bounded, and never taken away."""

from gateway.observability.busy_names import COUNTED, MOST, NAMED_AFTER, OTHER, BusyNames


def test_a_workspace_gets_its_name_when_it_turns_out_busy_and_keeps_it() -> None:
    names = BusyNames()
    assert [names.label_of("acme") for _ in range(NAMED_AFTER)] == [OTHER] * NAMED_AFTER
    assert names.label_of("acme") == names.label_of("acme") == "acme"


def test_there_are_only_so_many_names() -> None:
    names = BusyNames()
    for number in range(MOST + 5):
        for _ in range(NAMED_AFTER + 1):
            names.label_of(f"workspace {number}")
    labels = {names.label_of(f"workspace {number}") for number in range(MOST + 5)}
    assert labels == {OTHER, *(f"workspace {number}" for number in range(MOST))}


def test_of_countless_idle_ones_nothing_is_kept() -> None:
    names = BusyNames()
    for number in range(COUNTED + 1):
        assert names.label_of(f"workspace {number}") == OTHER
    assert [names.label_of("workspace 1") for _ in range(NAMED_AFTER)] == [OTHER] * NAMED_AFTER
