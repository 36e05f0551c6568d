"""Golden payloads: what the server's own sender makes of the recorded samples, and where we differ on purpose."""

import json
from typing import Any

import pytest

from gateway.model.notification import Kind, Notification, Platform
from gateway.providers.apns_payload import MAX_BYTES, MAX_VOIP_BYTES, apns_body, apns_request, fits_apns
from gateway.providers.fcm_payload import fcm_message, not_id
from gateway.rocketchat.request import read_request
from tests.contract import Recorded, native, recorded

NOW = 1_800_000_000.0


def taken(body: dict[str, Any], platform: Platform, now: float = NOW) -> Notification:
    notification = read_request(json.dumps(body).encode(), platform, "8f3a0c1e-0000-4000-a000-000000000000", now)
    assert isinstance(notification, Notification), notification
    return notification


def sample(one: Recorded) -> Notification:
    options = one.body["options"]
    if one.sample == "voip":
        options["payload"]["createdAt"] = "2027-01-15T08:00:00.000Z"
    return taken(one.body, Platform(one.platform))


def push(platform: Platform, **options: Any) -> Notification:
    return taken({"token": "token:1", "options": {"uniqueId": "w", **options}}, platform)


def golden(name: str) -> dict[str, Any]:
    wanted = native(name)
    for text in (wanted["payload"], wanted["fcm_data"]):
        if "ejson" in text:
            text["ejson"] = text["ejson"].replace("2026-05-01T12:00:00.000Z", "2027-01-15T08:00:00.000Z")
    return wanted


APN = [one for one in recorded() if one.platform == "apn"]
GCM = [one for one in recorded() if one.platform == "gcm"]


@pytest.mark.parametrize("one", APN, ids=str)
def test_apple_gets_what_the_server_itself_would_send(one: Recorded) -> None:
    wanted = golden(one.sample)
    request = apns_request(sample(one), NOW)
    assert json.loads(apns_body(request)) == wanted["payload"]
    assert request.apns_topic == wanted["headers"]["apns-topic"]
    assert request.priority == wanted["headers"]["apns-priority"]
    assert request.push_type.value == wanted["headers"].get("apns-push-type", "alert")


@pytest.mark.parametrize("one", GCM, ids=str)
def test_google_gets_the_same_data_and_what_the_app_itself_draws(one: Recorded) -> None:
    wanted = golden(one.sample)["fcm_data"]
    options = one.body["options"]
    shown = {"title": options.get("title"), "message": options.get("text")}
    data = fcm_message(sample(one), NOW).message["data"]
    invented = {} if "notId" in wanted else {"notId": data["notId"]}
    assert data == wanted | {key: value for key, value in shown.items() if value} | invented


@pytest.mark.parametrize("one", GCM, ids=str)
def test_google_draws_nothing_itself(one: Recorded) -> None:
    message = fcm_message(sample(one), NOW).message
    assert message.keys() == {"token", "data", "android"}
    assert message["android"]["priority"] == "HIGH"
    assert all(isinstance(value, str) for value in message["data"].values())
    assert not message["data"].keys() & {"from", "message_type"}


def test_alerts_collapse_with_their_own_repeats_only() -> None:
    request = apns_request(push(Platform.APN, topic="a.b", text="x", payload={}), NOW)
    assert request.collapse_key == request.notification_id == "8f3a0c1e-0000-4000-a000-000000000000"


def test_the_end_of_a_call_is_a_background_push() -> None:
    payload = {"notificationType": "voip", "type": "remoteEnded", "callId": "c"}
    request = apns_request(push(Platform.APN, topic="a.b", notId=7, payload=payload), NOW)
    assert json.loads(apns_body(request)) == {
        "aps": {"content-available": 1, "thread-id": "7"},
        "ejson": json.dumps(payload, separators=(",", ":")),
    }
    assert (request.push_type.value, request.priority, request.collapse_key) == ("background", 5, None)


def test_a_push_lives_an_hour_or_as_long_as_it_says() -> None:
    plain, brief = push(Platform.APN, topic="a.b"), push(Platform.APN, topic="a.b", apn={"expirationSeconds": 90})
    assert apns_request(plain, NOW).time_to_live == 3600
    assert apns_request(brief, NOW + 30).time_to_live == 60
    assert "ttl" not in fcm_message(plain, NOW).message["android"]
    assert fcm_message(brief, NOW + 30.5).message["android"]["ttl"] == "60s"


def test_a_ring_is_never_told_to_live_longer_than_it_does() -> None:
    ring = {"notificationType": "voip", "type": "incoming_call", "createdAt": "2027-01-15T07:59:45Z"}
    assert fcm_message(push(Platform.GCM, payload=ring), NOW + 0.5).message["android"]["ttl"] == "44s"
    apple = push(Platform.APN, topic="a.b.voip", payload=ring)
    assert apple.kind is Kind.VOIP_RING
    assert apns_request(apple, NOW + 0.5).time_to_live == 44


def test_a_badge_nobody_sent_is_not_sent_and_zero_is() -> None:
    aps = json.loads(apns_body(apns_request(push(Platform.APN, topic="a.b", text="x"), NOW)))["aps"]
    assert aps == {"alert": "x", "mutable-content": 1}
    aps = json.loads(apns_body(apns_request(push(Platform.APN, topic="a.b", title="t", badge=0), NOW)))["aps"]
    assert aps == {"alert": {"title": "t", "body": ""}, "badge": 0, "mutable-content": 1}


def test_an_invented_not_id_is_stable_positive_and_fits_an_int() -> None:
    tests = [push(Platform.GCM, title="@admin", createdAt=f"2026-11-23T18:03:50.{ms:03}Z") for ms in range(500)]
    found = [not_id(one) for one in tests]
    assert found == [not_id(one) for one in tests]
    assert len(set(found)) > 490
    assert all(2 <= one < 2**31 for one in found)


def test_old_servers_summary_is_passed_on() -> None:
    data = fcm_message(push(Platform.GCM, gcm={"summaryText": "3 new messages"}), NOW).message["data"]
    assert data["summaryText"] == "3 new messages"


@pytest.mark.parametrize(("topic", "limit"), [("a.b", MAX_BYTES), ("a.b.voip", MAX_VOIP_BYTES)])
def test_apple_takes_so_many_bytes_and_no_more(topic: str, limit: int) -> None:
    empty = len(apns_body(apns_request(push(Platform.APN, topic=topic, payload={"x": ""}), NOW)))
    exact = apns_request(push(Platform.APN, topic=topic, payload={"x": "a" * (limit - empty)}), NOW)
    over = apns_request(push(Platform.APN, topic=topic, payload={"x": "a" * (limit - empty + 1)}), NOW)
    assert len(apns_body(exact)) == limit
    assert fits_apns(exact, apns_body(exact))
    assert not fits_apns(over, apns_body(over))


def test_google_counts_bytes_of_keys_and_values() -> None:
    message = fcm_message(push(Platform.GCM, text="ü" * 10, notId=5), NOW)
    assert message.data_bytes == len("notId") + 1 + len("message") + 20
    assert not fcm_message(push(Platform.GCM, text="ü" * 2048), NOW).fits


def test_a_message_shows_nothing_of_itself() -> None:
    message = fcm_message(push(Platform.GCM, text="private"), NOW)
    assert "private" not in repr(message)
    assert "token:1" not in repr(message)
