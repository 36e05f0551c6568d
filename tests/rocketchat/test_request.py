import copy
import json
from typing import Any

import pytest

from gateway.model.notification import Kind, Notification, Platform
from gateway.model.outcome import Rejected
from gateway.model.reason import Reason
from gateway.rocketchat.request import read_request
from tests.contract import Recorded, recorded

NOW = 1_800_000_000.0
KINDS = {
    "message": Kind.MESSAGE,
    "idonly": Kind.MESSAGE_ID_ONLY,
    "test": Kind.TEST,
    "voip": Kind.VOIP_RING,
}


def read(body: object, platform: Platform = Platform.GCM, now: float = NOW) -> Notification | Rejected:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_request(text, platform, "id", now)


def push(**options: Any) -> dict[str, Any]:
    return {"token": "token:1", "options": {"uniqueId": "workspace", **options}}


def taken(body: object, platform: Platform = Platform.GCM) -> Notification:
    notification = read(body, platform)
    assert isinstance(notification, Notification), notification
    return notification


def refused(body: object, platform: Platform = Platform.GCM) -> Rejected:
    outcome = read(body, platform)
    assert isinstance(outcome, Rejected), outcome
    return outcome


@pytest.mark.parametrize("one", recorded(), ids=str)
def test_what_real_servers_send_is_read(one: Recorded) -> None:
    body = copy.deepcopy(one.body)
    if one.sample == "voip":
        body["options"]["payload"]["createdAt"] = "2027-01-15T08:00:00Z"
    options = body["options"]
    notification = taken(body, Platform(one.platform))
    assert notification.kind is KINDS[one.sample]
    assert notification.token == body["token"]
    assert notification.unique_id == options["uniqueId"]
    assert (notification.title, notification.text) == (options.get("title"), options.get("text"))
    assert (notification.badge, notification.not_id) == (options.get("badge"), options.get("notId"))
    if "payload" in options:
        assert notification.payload is not None
        assert json.loads(notification.payload.ejson) == options["payload"]


def test_the_payload_stays_as_it_was_written() -> None:
    written = '{"big":12345678901234567890123,"null":null,"fine":1.10,"uni":"ü🚀","esc":"\\u00fc","deep":{"a":[1,{}]}}'
    body = b'{"token":"t","options":{"uniqueId":"w","payload": %s }}' % written.encode()
    notification = taken(body)
    assert notification.payload is not None
    assert notification.payload.ejson == written


def test_unknown_fields_are_ignored_and_null_is_absent() -> None:
    body = push(
        query={"$in": []}, priority=[1], voip="?", contentAvailable=1, title=None, badge=None, payload=None, apn=None
    )
    body["extra"] = True
    notification = taken(body)
    assert notification.kind is Kind.TEST
    assert notification.title is None


def test_an_empty_title_is_no_title() -> None:
    assert taken(push(title="")).title is None


def test_old_test_pushes_override_the_text_on_apn_only() -> None:
    body = push(text="plain", topic="a.b", apn={"text": "@admin:\nplain"})
    assert taken(body, Platform.APN).text == "@admin:\nplain"
    assert taken(body, Platform.GCM).text == "plain"


@pytest.mark.parametrize(
    ("options", "platform", "kind"),
    [
        ({"topic": "a.b.voip"}, Platform.APN, Kind.VOIP_RING),
        ({"topic": "a.b.voip"}, Platform.GCM, Kind.TEST),
        ({"payload": {"notificationType": "voip", "type": "incoming_call"}}, Platform.GCM, Kind.VOIP_RING),
        ({"payload": {"notificationType": "voip", "type": "incoming_call"}}, Platform.APN, Kind.VOIP_SIGNAL),
        *(
            ({"payload": {"notificationType": "voip", "type": ended}}, platform, Kind.VOIP_SIGNAL)
            for ended in ("remoteEnded", "answeredElsewhere", "declinedElsewhere", "unanswered")
            for platform in Platform
        ),
        ({"payload": {"notificationType": "videoconf"}}, Platform.GCM, Kind.VIDEO_CONFERENCE),
        ({"payload": {"notificationType": 7}}, Platform.GCM, Kind.MESSAGE),
        ({"payload": {}}, Platform.APN, Kind.MESSAGE),
    ],
)
def test_the_kind_is_told_by_topic_and_payload(options: dict[str, Any], platform: Platform, kind: Kind) -> None:
    assert taken(push(**options), platform).kind is kind


def test_a_ring_that_arrives_too_late_is_refused() -> None:
    ring = {"notificationType": "voip", "type": "incoming_call", "createdAt": "2027-01-15T07:58:59Z"}
    assert refused(push(payload=ring)).reason is Reason.VOIP_EXPIRED


def test_a_call_announced_to_an_ordinary_token_lives_no_longer() -> None:
    call = {"notificationType": "voip", "type": "incoming_call", "createdAt": "2027-01-15T07:59:30Z"}
    assert taken(push(topic="a.b", payload=call), Platform.APN).expires_at == NOW + 30
    late = {**call, "createdAt": "2027-01-15T07:58:59Z"}
    assert refused(push(topic="a.b", payload=late), Platform.APN).reason is Reason.VOIP_EXPIRED


@pytest.mark.parametrize("created_at", [1_800_000_000, {"$date": 1}, "yesterday", ""])
def test_an_unreadable_creation_time_is_no_reason_to_refuse(created_at: object) -> None:
    ring = {"notificationType": "voip", "type": "incoming_call"}
    assert taken(push(payload=ring, createdAt=created_at)).expires_at == NOW + 60


def test_a_ring_goes_by_the_push_creation_where_its_payload_has_none() -> None:
    ring = {"notificationType": "voip", "type": "incoming_call"}
    assert refused(push(payload=ring, createdAt="2027-01-15T07:50:00Z")).reason is Reason.VOIP_EXPIRED
    assert taken(push(payload=ring, createdAt="2027-01-15T07:59:50Z")).expires_at == NOW + 50


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ([], "object"),
        ("text", "object"),
        ({}, "token"),
        ({"token": "t"}, "options"),
        ({"token": 7, "options": {}}, "token"),
        ({"token": None, "options": {}}, "token"),
        ({"token": "t", "options": []}, "options"),
        (push(uniqueId=5), "options.uniqueId"),
        (push(title=["x"]), "options.title"),
        (push(text={}), "options.text"),
        (push(badge="3"), "options.badge"),
        (push(badge=True), "options.badge"),
        (push(notId=1.5), "options.notId"),
        (push(notId=2**31), "options.notId"),
        (push(sound=1), "options.sound"),
        (push(apn="x"), "options.apn"),
        (push(apn={"category": 1}), "options.apn.category"),
        (push(apn={"expirationSeconds": -1}), "options.apn.expirationSeconds"),
        (push(gcm={"image": 1}), "options.gcm.image"),
        (push(payload=[1]), "options.payload"),
        (push(payload="x"), "options.payload"),
    ],
)
def test_a_wrong_type_is_refused_by_the_name_of_its_field(body: object, names: str) -> None:
    outcome = refused(body)
    assert outcome.reason is Reason.INVALID_REQUEST
    assert names in outcome.detail


def test_a_refusal_never_repeats_what_it_refuses() -> None:
    outcome = refused(push(title=["private words"], badge="private words"))
    assert "private" not in outcome.text


@pytest.mark.parametrize("token", ["", " ", "a b", "a/../b", "токен", "a\n", "a%20", "a" * 4097, "a\u0000"])
def test_a_token_with_characters_no_provider_uses_is_refused(token: str) -> None:
    assert refused({"token": token, "options": {"uniqueId": "w"}}).reason is Reason.TOKEN_MALFORMED


@pytest.mark.parametrize("unique_id", [None, ""])
def test_a_server_without_unique_id_is_told_how_to_get_one(unique_id: str | None) -> None:
    outcome = refused({"token": "t", "options": {"uniqueId": unique_id}})
    assert outcome.reason is Reason.UNIQUE_ID_MISSING
    for words in ("Server notifications are misconfigured!", "0.74.3", "<server>/admin/cloud"):
        assert words in outcome.text


@pytest.mark.parametrize("body", [b"", b"{", b'{"token":NaN}', b'{"a":1,"a":2}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_plain_json_is_refused(body: bytes) -> None:
    assert refused(body).reason is Reason.INVALID_JSON
