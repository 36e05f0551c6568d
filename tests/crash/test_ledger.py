"""The ledger finds what is made up to be found."""

from collections.abc import Sequence

from tests.crash.ledger import Incident, examine
from tests.crash.pushes import Answer, Push, Reception

FIRST, SECOND, THIRD = (Push("apns", 7, number) for number in (1, 2, 3))
OTHER = Push("fcm", 7, 1)
KILLED = Incident("gateway killed", 100.0, 100.0)


def answered(*pushes: Push, status: int | None = 200, outcome: str = "delivered") -> list[Answer]:
    return [Answer(push, at=0.0, seconds=0.1, status=status, outcome=outcome) for push in pushes]


def received(*pushes: Push, at: float = 10.0, status: int = 200, **facts: str | bool) -> list[Reception]:
    return [
        Reception(at, push.message_id, status, **{"apns_id": f"id of {push.message_id}", **facts}) for push in pushes
    ]


def faults(answers: Sequence[Answer], receptions: Sequence[Reception], **more: Sequence[Incident]) -> list[str]:
    return examine(answers, receptions, **more).faults(in_order=True)


def test_a_push_that_was_taken_is_no_fault() -> None:
    findings = examine(answered(FIRST, SECOND, OTHER), received(FIRST, OTHER, SECOND))
    assert findings.faults(in_order=True) == []
    assert (findings.sent, findings.owed, findings.receptions, findings.unasked) == (3, 3, 3, 0)


def test_a_push_that_is_nowhere_is_missing() -> None:
    assert faults(answered(FIRST, SECOND), received(FIRST)) == ["1 missing, such as apns-7-2"]


def test_a_push_that_was_only_refused_is_missing() -> None:
    assert examine(answered(FIRST), received(FIRST, status=503)).missing == [FIRST]


def test_a_push_whose_taker_never_said_so_is_missing() -> None:
    assert examine(answered(FIRST), received(FIRST, is_answered=False)).missing == [FIRST]


def test_a_push_in_the_outbox_is_held_and_not_missing() -> None:
    findings = examine(answered(FIRST), [], held=[FIRST])
    assert (findings.missing, findings.held) == ([], [FIRST])
    assert findings.faults() == ["1 held, such as apns-7-1"]


def test_what_was_not_answered_2xx_is_not_owed() -> None:
    answers = [*answered(FIRST, status=None), *answered(SECOND, status=503, outcome="outbox_full")]
    findings = examine(answers, received(SECOND))
    assert (findings.faults(), findings.owed, findings.unasked) == ([], 0, 1)
    assert findings.answers == {"nothing": 1, "503 outbox_full": 1}


def test_a_repetition_after_a_kill_is_explained_by_it() -> None:
    receptions = [*received(FIRST, at=99.5), *received(FIRST, at=115.0)]
    findings = examine(answered(FIRST), receptions, incidents=[KILLED])
    assert (findings.faults(), findings.repeated) == ([], {"gateway killed": 1})


def test_a_repetition_long_before_or_after_any_kill_is_a_fault() -> None:
    for at in (90.0, 110.0):
        receptions = [*received(FIRST, at=at), *received(FIRST, at=120.0)]
        assert faults(answered(FIRST), receptions, incidents=[KILLED]) == [
            "1 repeated without a cause, such as apns-7-1"
        ]


def test_a_repetition_after_a_refusal_is_none() -> None:
    receptions = [*received(FIRST, status=503), *received(FIRST)]
    assert examine(answered(FIRST), receptions).repeated == {}


def test_a_repetition_after_silence_is_explained_by_it() -> None:
    receptions = [*received(FIRST, is_answered=False), *received(FIRST)]
    findings = examine(answered(FIRST), receptions)
    assert (findings.faults(), findings.repeated) == ([], {"its answer never came": 1})


def test_a_repetition_by_another_apns_id_is_a_fault_even_of_what_was_refused() -> None:
    receptions = [*received(FIRST, status=503, apns_id="x"), *received(FIRST, apns_id="y")]
    assert faults(answered(FIRST), receptions) == ["1 repeated by another apns-id, such as apns-7-1"]


def test_a_push_behind_a_later_one_to_the_same_device_is_out_of_order() -> None:
    findings = examine(answered(FIRST, SECOND, THIRD), received(SECOND, FIRST, THIRD))
    assert findings.disordered == [FIRST]
    assert findings.faults() == [], "order is no promise where something was killed"
    assert findings.faults(in_order=True) == ["1 out of order, such as apns-7-1"]


def test_order_is_by_the_first_time_a_push_was_taken() -> None:
    receptions = [*received(FIRST, SECOND), *received(FIRST)]
    assert examine(answered(FIRST, SECOND), receptions).disordered == []


def test_order_is_nothing_between_devices_and_nothing_to_who_is_not_owed() -> None:
    elsewhere = Push("apns", 8, 1)
    assert examine(answered(SECOND, elsewhere), received(SECOND, elsewhere, FIRST)).disordered == []


def test_a_table_tells_what_was_found() -> None:
    rows = dict(examine(answered(FIRST, SECOND), received(FIRST, FIRST)).rows())
    assert rows["pushes sent"] == "2"
    assert rows["missing"] == "1"
    assert rows["repeated: without a cause"] == "1"
