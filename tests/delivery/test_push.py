"""By what a push is known again, and what it must not overtake."""

from typing import Any

import msgspec
import pytest

from gateway.delivery.push import identified
from gateway.delivery.snapshot import Member
from gateway.model.notification import Kind, Notification, Payload
from tests.delivery.conftest import VAULT, workspace
from tests.providers.pushes import android_push, iphone_push

MEMBER = Member(workspace=workspace("Example"), networks=(), by_topic={}, android=())
PAYLOAD = Payload(ejson="{}", message_id="m1")
PUSH = iphone_push(created_at="2026-11-25T02:00:00.000Z", payload=PAYLOAD, not_id=7)


def key(notification: Notification, member: Member = MEMBER) -> str | None:
    return identified(member, notification, VAULT).key


def test_a_repetition_is_known_by_the_same_key() -> None:
    again = msgspec.structs.replace(PUSH, id="another", received_at=PUSH.received_at + 60)
    assert key(again) == key(PUSH) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"created_at": "2026-11-25T02:00:00.001Z"},
        {"token": "0" * 64},
        {"topic": "com.example.other"},
        {"not_id": 8},
        {"payload": msgspec.structs.replace(PAYLOAD, message_id="m2")},
        {"payload": msgspec.structs.replace(PAYLOAD, call_id="c1")},
        {"payload": msgspec.structs.replace(PAYLOAD, type="remoteEnded")},
        {"kind": Kind.MESSAGE_ID_ONLY},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_else_differs_makes_it_another_push(change: dict[str, Any]) -> None:
    assert key(msgspec.structs.replace(PUSH, **change)) != key(PUSH)


def test_the_same_push_of_another_workspace_is_another() -> None:
    other = msgspec.structs.replace(MEMBER, workspace=workspace("Other"))
    assert key(PUSH, other) != key(PUSH)


@pytest.mark.parametrize("given", [{"payload": None}, {"not_id": None}, {"payload": Payload(ejson="{}", call_id="c")}])
def test_one_number_of_its_own_is_enough(given: dict[str, Any]) -> None:
    assert key(msgspec.structs.replace(PUSH, **given)) is not None


@pytest.mark.parametrize("lacking", [{"created_at": None}, {"not_id": None, "payload": None}])
def test_without_a_time_or_a_number_every_push_is_another(lacking: dict[str, Any]) -> None:
    assert key(msgspec.structs.replace(PUSH, **lacking)) is None


def test_calls_do_not_wait_behind_messages() -> None:
    kinds = (Kind.MESSAGE, Kind.TEST, Kind.VOIP_RING, Kind.VOIP_SIGNAL)
    message, test, ring, signal = (identified(MEMBER, android_push(kind=kind), VAULT).line for kind in kinds)
    assert message == test
    assert ring == signal != message


def line(notification: Notification, **call: str) -> str:
    payload = Payload(ejson="{}", **call) if call else None
    return identified(MEMBER, msgspec.structs.replace(notification, payload=payload), VAULT).line


def test_the_end_of_a_ring_does_not_overtake_it_though_it_goes_to_another_token() -> None:
    ring = iphone_push(kind=Kind.VOIP_RING, token="b" * 64, topic="com.example.chat.voip")
    end = iphone_push(kind=Kind.VOIP_SIGNAL, token="a" * 64, topic="com.example.chat")
    assert line(ring, call_id="c1") == line(end, call_id="c1") != line(end, call_id="c2")
    assert "c1" not in line(ring, call_id="c1")
    other = msgspec.structs.replace(end, topic="com.example.other")
    assert line(other, call_id="c1") != line(ring, call_id="c1")
    assert line(ring) != line(end)


def test_the_phones_that_ring_for_one_call_do_not_wait_for_each_other_where_their_apps_are_unknown() -> None:
    one, another = (android_push(kind=Kind.VOIP_RING, token=token) for token in ("one:APA91b", "another:APA91b"))
    assert line(one, call_id="c1") != line(another, call_id="c1")
