import json

import msgspec
import pytest

from gateway.model.notification import Kind, Notification, Payload, Platform
from gateway.model.workspace import FIXED_TEXT
from gateway.rocketchat.id_only import id_only

FULL = Payload(ejson='{"host":"https://h/","messageId":"m","x":1}', host="https://h/", message_id="m")


def notification(kind: Kind = Kind.MESSAGE, payload: Payload | None = FULL) -> Notification:
    return Notification(
        id="id",
        platform=Platform.APN,
        kind=kind,
        token="token",
        unique_id="w",
        received_at=0,
        expires_at=1,
        title="title",
        text="text",
        image="https://h/image",
        badge=3,
        not_id=5,
        payload=payload,
    )


def test_a_message_becomes_what_the_app_fetches_by() -> None:
    reduced = id_only(notification())
    assert reduced is not None
    assert reduced.payload is not None
    assert json.loads(reduced.payload.ejson) == {
        "host": "https://h/",
        "messageId": "m",
        "notificationType": "message-id-only",
    }
    assert (reduced.title, reduced.text, reduced.image) == (None, FIXED_TEXT, None)
    assert (reduced.badge, reduced.not_id, reduced.id) == (3, 5, "id")


def test_it_is_shown_in_the_words_of_its_workspace() -> None:
    reduced = id_only(msgspec.structs.replace(notification(), fixed_text="Es gibt etwas Neues"))
    assert reduced is not None
    assert reduced.text == "Es gibt etwas Neues"


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.MESSAGE])
def test_what_must_ring_or_is_reduced_already_is_not_rewritten(kind: Kind) -> None:
    assert id_only(notification(kind)) is None


@pytest.mark.parametrize("payload", [None, Payload("{}"), Payload("{}", host="h"), Payload("{}", message_id="m")])
def test_without_host_and_message_id_there_is_nothing_to_fetch_by(payload: Payload | None) -> None:
    assert id_only(notification(payload=payload)) is None
