import uuid

import pytest

from gateway.model.app import ApnsCredentials, App, FcmCredentials
from gateway.model.notification import Kind, Notification, Payload, Platform, new_push_id
from gateway.model.workspace import SecretHash, Workspace

HIDDEN = "hush-hush"


def notification(topic: str | None = None) -> Notification:
    return Notification(
        id=new_push_id(),
        platform=Platform.APN,
        kind=Kind.MESSAGE,
        token=HIDDEN,
        unique_id=HIDDEN,
        received_at=0.0,
        expires_at=1.0,
        topic=topic,
        title=HIDDEN,
        text=HIDDEN,
        sender=HIDDEN,
        sound=HIDDEN,
        category=HIDDEN,
        image=HIDDEN,
        summary_text=HIDDEN,
        payload=Payload(HIDDEN, host=HIDDEN, message_id=HIDDEN, notification_type=HIDDEN, type=HIDDEN),
    )


def test_push_ids_are_canonical_random_uuids_and_never_twice_the_same() -> None:
    ids = [new_push_id() for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    parsed = [uuid.UUID(one) for one in ids]
    assert [str(one) for one in parsed] == ids
    assert {(one.version, one.variant) for one in parsed} == {(4, uuid.RFC_4122)}


def test_every_digit_of_a_push_id_but_version_and_variant_is_random() -> None:
    ids = [new_push_id() for _ in range(1_000)]
    fixed = {place: digits for place, column in enumerate(zip(*ids, strict=True)) if len(digits := set(column)) == 1}
    assert fixed == {8: {"-"}, 13: {"-"}, 14: {"4"}, 18: {"-"}, 19: {"a"}, 23: {"-"}}


@pytest.mark.parametrize(
    "value",
    [
        notification(),
        Payload(HIDDEN, host=HIDDEN, message_id=HIDDEN, created_at=HIDDEN),
        ApnsCredentials(topics=("com.example.chat",), key=HIDDEN),
        ApnsCredentials(topics=("com.example.chat",), certificate=HIDDEN, certificate_key=HIDDEN),
        FcmCredentials(project_id="example", client_email="push@example.com", service_account=HIDDEN),
        App(id="1", name="Chat", apns=ApnsCredentials(topics=(), key=HIDDEN)),
        SecretHash(HIDDEN, 1.0),
        Workspace(id="1", name="Example", apps=(), secrets=(SecretHash(HIDDEN),)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_repr_shows_content_keys_or_hashes(value: object) -> None:
    assert HIDDEN not in repr(value)
    assert HIDDEN not in f"{value} {[value]}"
    assert type(value).__name__ in repr(value)


def test_a_repr_still_tells_which_one_it_is() -> None:
    push = notification()
    assert repr(push) == f"Notification(id={push.id!r}, platform='apn', kind='message')"
    assert repr(push.payload) == "Payload(9 characters)"
    assert repr(SecretHash(HIDDEN, 1.0)) == "SecretHash(***, until=1.0)"


@pytest.mark.parametrize(
    ("topic", "app_topic"),
    [("com.example.chat", "com.example.chat"), ("com.example.chat.voip", "com.example.chat"), ("", None), (None, None)],
)
def test_the_apps_topic_is_the_pushs_without_voip(topic: str | None, app_topic: str | None) -> None:
    assert notification(topic).app_topic == app_topic


def test_each_door_has_its_provider() -> None:
    assert {platform: platform.provider for platform in Platform} == {Platform.APN: "apns", Platform.GCM: "fcm"}
