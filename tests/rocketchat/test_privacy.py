"""What a workspace keeps to itself is not in what goes out, whichever kind of push it was in."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.notification import Kind, Notification, Platform
from gateway.model.workspace import Content
from gateway.providers.apns_payload import apns_body, apns_request
from gateway.providers.fcm_payload import fcm_message
from gateway.rocketchat.privacy import rewritten
from gateway.rocketchat.request import read_request

RECORDED = sorted((Path(__file__).parents[1] / "contract" / "requests").glob("*.json"))
NOW = 1_777_636_800.0  # 2026-05-01T12:00:00Z, when the recorded ring was made
ID = "00000000-0000-4000-8000-000000000000"
FIXED = "Es gibt etwas Neues"
SECRET = "hush hush"
PERSON = {"_id": "u2", "id": "u2", "type": "user", "username": SECRET, "name": SECRET, "avatarUrl": SECRET}
IDS = {"host": "https://chat.example.org/", "messageId": "m1", "rid": "r1", "tmid": "t1", "callId": "c1"}
PRIVATE = {
    **IDS,
    "name": SECRET,
    "msg": SECRET,
    "senderName": SECRET,
    "sender": PERSON,
    "caller": PERSON,
    "avatar": SECRET,
    "username": SECRET,
    "hostName": SECRET,
    "content": {"ciphertext": SECRET},
    "status": 0,
    "createdAt": "2026-05-01T12:00:00.000Z",
    "messageType": SECRET,
    "custom": SECRET,
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KINDS = {
    Kind.MESSAGE: {"notificationType": "message", "type": "c"},
    Kind.MESSAGE_ID_ONLY: {"notificationType": "message-id-only"},
    Kind.VIDEO_CONFERENCE: {"notificationType": "videoconf"},
    Kind.VOIP_RING: {"notificationType": "voip", "type": "incoming_call"},
    Kind.VOIP_SIGNAL: {"notificationType": "voip", "type": "remoteEnded"},
}


def request(kind: Kind, platform: Platform, **more: Any) -> bytes:
    """A push that has a secret wherever there is room for one."""
    voip = ".voip" if kind is Kind.VOIP_RING and platform is Platform.APN else ""
    options: dict[str, Any] = {
        "uniqueId": "U1",
        "topic": f"chat.rocket.ios{voip}",
        "createdAt": "2026-05-01T12:00:00.000Z",
        "createdBy": SECRET,
        "from": SECRET,
        "title": SECRET,
        "text": SECRET,
        "badge": 3,
        "sound": SECRET,
        "notId": 7,
        "apn": {"text": SECRET, "category": SECRET, "expirationSeconds": 60},
        "gcm": {"style": SECRET, "image": SECRET, "summaryText": SECRET},
        "extra": {"deep": SECRET},
    }
    if kind is not Kind.TEST:
        options["payload"] = PRIVATE | KINDS[kind]
    return json.dumps({"token": "a" * 64, "options": options | more, "more": SECRET}).encode()


def read(body: bytes, platform: Platform) -> Notification:
    notification = read_request(body, platform, ID, NOW)
    assert isinstance(notification, Notification)
    return notification


def private(body: bytes, platform: Platform, content: Content) -> Notification:
    return read(rewritten(body, read(body, platform).kind, content, FIXED), platform)


def sent(notification: Notification) -> str:
    """All that a provider gets of it."""
    if notification.platform is Platform.APN:
        return apns_body(apns_request(notification, NOW)).decode()
    return fcm_message(notification, NOW).body().decode()


def payload(notification: Notification) -> dict[str, Any]:
    assert notification.payload is not None
    return json.loads(notification.payload.ejson)


@pytest.mark.parametrize("content", [Content.GENERIC, Content.ID_ONLY])
@pytest.mark.parametrize("platform", [*Platform])
@pytest.mark.parametrize("kind", [*Kind])
def test_nothing_that_anybody_wrote_goes_out(kind: Kind, platform: Platform, content: Content) -> None:
    body = request(kind, platform)
    assert SECRET in sent(read(body, platform))
    private_body = rewritten(body, kind, content, FIXED)
    assert SECRET.encode() not in private_body
    notification = private(body, platform, content)
    assert SECRET not in sent(notification)
    assert notification.title is None
    assert notification.text == (None if kind in (Kind.VOIP_RING, Kind.VOIP_SIGNAL) else FIXED)


@given(
    st.sampled_from([*Kind]),
    st.sampled_from([*Platform]),
    st.sampled_from([Content.GENERIC, Content.ID_ONLY]),
    st.dictionaries(
        st.text(), st.recursive(st.just(SECRET), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
    ),
)
def test_what_a_newer_server_adds_stays_here(
    kind: Kind, platform: Platform, content: Content, more: dict[str, Any]
) -> None:
    known = json.loads(request(kind, platform))["options"]
    body = request(kind, platform, **{name: value for name, value in more.items() if name not in known})
    assert SECRET.encode() not in rewritten(body, kind, content, FIXED)


@pytest.mark.parametrize("platform", [*Platform])
def test_a_generic_message_still_opens_its_room(platform: Platform) -> None:
    opened = payload(private(request(Kind.MESSAGE, platform), platform, Content.GENERIC))
    wanted = {name: IDS[name] for name in ("host", "messageId", "rid", "tmid")}
    nobody = {"_id": "", "username": ""}
    assert opened == {**wanted, "type": "c", "notificationType": "message", "sender": nobody}


@pytest.mark.parametrize("platform", [*Platform])
def test_a_message_by_its_ids_is_fetched_by_the_app(platform: Platform) -> None:
    notification = private(request(Kind.MESSAGE, platform), platform, Content.ID_ONLY)
    assert notification.kind is Kind.MESSAGE_ID_ONLY
    wanted = {name: IDS[name] for name in ("host", "messageId")}
    assert payload(notification) == {**wanted, "notificationType": "message-id-only"}


def test_a_message_that_cannot_be_fetched_does_not_pretend() -> None:
    body = request(Kind.MESSAGE, Platform.GCM, payload={"host": "https://h/", "rid": "r1", "msg": SECRET})
    assert payload(private(body, Platform.GCM, Content.ID_ONLY)) == {
        "host": "https://h/",
        "notificationType": "message",
    }


@pytest.mark.parametrize("content", [Content.GENERIC, Content.ID_ONLY])
def test_a_call_rings_by_the_server_in_place_of_a_person(content: Content) -> None:
    notification = private(request(Kind.VOIP_RING, Platform.GCM), Platform.GCM, content)
    assert payload(notification) == {
        "host": IDS["host"],
        "callId": "c1",
        "type": "incoming_call",
        "notificationType": "voip",
        "createdAt": PRIVATE["createdAt"],
        "caller": {"type": "user", "id": "u2", "name": "chat.example.org"},
        "hostName": "chat.example.org",
        "username": "",
    }
    assert notification.expires_at == read(request(Kind.VOIP_RING, Platform.GCM), Platform.GCM).expires_at


@pytest.mark.parametrize("content", [Content.GENERIC, Content.ID_ONLY])
def test_a_conference_rings_without_names(content: Content) -> None:
    rung = payload(private(request(Kind.VIDEO_CONFERENCE, Platform.APN), Platform.APN, content))
    wanted = {name: IDS[name] for name in ("host", "rid", "callId")}
    assert rung == {**wanted, "status": 0, "notificationType": "videoconf", "caller": {"_id": "u2"}}


@pytest.mark.parametrize("content", [Content.GENERIC, Content.ID_ONLY])
def test_a_call_of_which_only_the_push_says_when_it_began_rings_no_longer(content: Content) -> None:
    call = {name: one for name, one in PRIVATE.items() if name != "createdAt"} | KINDS[Kind.VOIP_RING]
    body = request(Kind.VOIP_RING, Platform.GCM, createdAt="2026-05-01 11:59:30Z", payload=call)
    assert private(body, Platform.GCM, content).expires_at == NOW + 30.0 == read(body, Platform.GCM).expires_at


@pytest.mark.parametrize("host", ["http://[x/", SECRET, 7, None])
def test_a_call_rings_whatever_its_server_is_called(host: object) -> None:
    body = request(Kind.VOIP_RING, Platform.GCM, payload=PRIVATE | KINDS[Kind.VOIP_RING] | {"host": host})
    notification = private(body, Platform.GCM, Content.GENERIC)
    assert payload(notification)["caller"]["name"] == ("http://[x/" if host == "http://[x/" else "")


@given(
    st.sampled_from([*Kind]),
    st.sampled_from([*Platform]),
    st.sampled_from([Content.GENERIC, Content.ID_ONLY]),
    st.dictionaries(st.sampled_from(sorted(PRIVATE)), ANYTHING),
)
def test_what_can_be_sent_as_it_is_can_be_sent_without_what_is_private(
    kind: Kind, platform: Platform, content: Content, members: dict[str, Any]
) -> None:
    body = request(kind, platform, payload=PRIVATE | members | KINDS.get(kind, {}))
    if isinstance(read_request(body, platform, ID, NOW), Notification):
        assert sent(private(body, platform, content))


def test_a_number_that_no_computer_can_hold_is_no_hindrance() -> None:
    huge = request(Kind.MESSAGE, Platform.GCM).replace(b'"status": 0', b'"status": 1e999')
    assert b"1e999" in huge
    assert payload(private(huge, Platform.GCM, Content.GENERIC))["messageId"] == "m1"


def test_sounds_and_categories_that_are_words_of_the_contract_stay() -> None:
    words = {"sound": "ringtone.mp3", "from": "push", "apn": {"category": "VIDEOCONF"}, "gcm": {"style": "inbox"}}
    notification = private(request(Kind.MESSAGE, Platform.APN, **words), Platform.APN, Content.GENERIC)
    assert (notification.sound, notification.sender) == ("ringtone.mp3", "push")
    assert (notification.category, notification.style) == ("VIDEOCONF", "inbox")
    own = private(request(Kind.MESSAGE, Platform.APN), Platform.APN, Content.GENERIC)
    assert (own.sound, own.category, own.style, own.badge, own.not_id) == ("default", None, None, 3, 7)
    silent = private(request(Kind.MESSAGE, Platform.APN, sound=None), Platform.APN, Content.GENERIC)
    assert silent.sound is None


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
@pytest.mark.parametrize("content", [Content.GENERIC, Content.ID_ONLY])
def test_recorded_requests_say_nothing_but_ids(file: Path, content: Content) -> None:
    for recorded in json.loads(file.read_text())["requests"]:
        platform = Platform.APN if "/apn/" in recorded["path"] else Platform.GCM
        body = json.dumps(recorded["body"]).encode()
        out = sent(private(body, platform, content))
        assert not any(word in out for word in ("alice", "Alice", "bob", "#general", "Hello", "avatar"))


def test_all_is_as_it_was_where_everything_may_be_seen() -> None:
    body = request(Kind.MESSAGE, Platform.APN)
    assert rewritten(body, Kind.MESSAGE, Content.FULL, FIXED) is body
