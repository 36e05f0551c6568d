"""The requests of real servers, sent to a running gateway, and what Apple and Google got of them."""

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.contract import Recorded, native, recorded
from tests.end_to_end.running import BOTH_WAYS, Running


def alive(one: Recorded) -> dict[str, Any]:
    """The recorded body; a ring is created now, for old ones are refused."""
    body = copy.deepcopy(one.body)
    if one.sample == "voip":
        body["options"]["payload"]["createdAt"] = datetime.now(UTC).isoformat()
    return body


@BOTH_WAYS
@pytest.mark.parametrize("one", recorded(), ids=str)
async def test_a_recorded_push_arrives_as_the_app_needs_it(gateway: Running, one: Recorded) -> None:
    body = alive(one)
    path = f"/w/{gateway.secret}{one.path}"
    answer = await gateway.post(path, json.dumps(body, ensure_ascii=False).encode(), one.headers)
    assert (answer.status, answer.code, answer.body) == (200, "delivered", b"")
    assert answer.headers["Content-Length"] == "0"
    (received,) = gateway.simulator.received
    assert (received.token, received.status) == (body["token"], 200)
    wanted = native(one.sample)
    payload = received.payload if one.platform == "apn" else received.payload["data"]
    if "ejson" in payload:
        assert json.loads(payload.pop("ejson")) == body["options"]["payload"]
    if one.platform == "apn":
        del_ejson(wanted["payload"])
        assert payload == wanted["payload"]
        assert received.headers["apns-topic"] == wanted["headers"]["apns-topic"]
        assert received.headers["apns-priority"] == "10"
        assert received.headers["apns-id"] == answer.headers["X-Request-Id"]
    else:
        del_ejson(wanted["fcm_data"])
        assert payload.items() >= wanted["fcm_data"].items()
        assert payload.get("message") == body["options"].get("text")
        assert payload.get("title") == body["options"].get("title")
        assert int(payload["notId"]) not in (0, 1)


def del_ejson(payload: dict[str, Any]) -> None:
    payload.pop("ejson", None)


@BOTH_WAYS
@pytest.mark.parametrize("one", [one for one in recorded() if one.sample == "voip"], ids=str)
async def test_an_old_ring_is_refused_and_never_sent(gateway: Running, one: Recorded) -> None:
    answer = await gateway.post(f"/w/{gateway.secret}{one.path}", one.body)
    assert (answer.status, answer.code) == (422, "voip_expired")
    assert gateway.simulator.received == []


@BOTH_WAYS
@pytest.mark.parametrize(
    "joined", ["/w/{}//push/apn/send", "//w/{}/push/apn/send/", "/pushes/w/{}/push/apn/send", "/w/{}/push//apn/send"]
)
async def test_the_url_may_be_joined_in_any_way(gateway: Running, joined: str) -> None:
    one = recorded()[0]
    assert (await gateway.post(joined.format(gateway.secret), one.body)).status == 200


@BOTH_WAYS
async def test_fcm_is_another_word_for_gcm(gateway: Running) -> None:
    one = next(one for one in recorded() if one.platform == "gcm")
    assert (await gateway.post(f"/w/{gateway.secret}/push/fcm/send", one.body)).status == 200
    assert gateway.simulator.received[0].platform == "fcm"
