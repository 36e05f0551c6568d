"""The notification API: who may ask, what is answered, and what its description says."""

from typing import Any

import pytest

from gateway.model.limits import Limits
from gateway.model.notification_rules import NotificationRules, Rule
from tests.end_to_end.running import Answer, Running

EXPLAIN = "/api/v1/notifications/explain"
ASKED: dict[str, Any] = {
    "receiver": {"id": "bob", "status": "online"},
    "room": {"id": "GENERAL", "memberCount": 300},
    "message": {"id": "m1", "sender": "alice", "text": "private words"},
}


async def ask(gateway: Running, body: Any, secret: str | None = None) -> Answer:
    return await gateway.post(EXPLAIN, body, {"Authorization": f"Bearer {secret or gateway.secret}"})


def check_problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """The answer is a problem document, and says so everywhere."""
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert (answer.document["status"], answer.document["code"]) == (status, code)
    assert answer.document["requestId"] == answer.headers["X-Request-Id"]
    return answer.document


async def test_every_receiver_is_explained(gateway: Running) -> None:
    receivers = [{"id": "bob", "status": "busy"}, {"id": "carol"}]
    asked = {"receivers": receivers, "room": {"id": "GENERAL", "memberCount": 300}, "message": ASKED["message"]}
    answer = await ask(gateway, asked)
    assert answer.status == 200
    bob, carol = answer.document["explanations"]
    assert (bob["receiver"], bob["decision"], bob["reasons"]) == (
        "bob",
        "skipped",
        ["receiver_busy", "room_too_large"],
    )
    assert (carol["receiver"], carol["reasons"], carol["dueIn"]) == ("carol", ["room_too_large"], None)
    assert [finding["rule"] for finding in bob["rules"]] == list(Rule)
    assert b"private" not in answer.body


async def test_a_workspaces_own_rules_are_asked(gateway: Running) -> None:
    await gateway.registry.update_workspace("workspace", rules=NotificationRules(member_limit=0, online_delay=30.0))
    await gateway.gateway.follower.check()
    (bob,) = (await ask(gateway, ASKED)).document["explanations"]
    assert (bob["decision"], bob["dueIn"]) == ("scheduled", 30.0)


@pytest.mark.parametrize(("authorization", "code"), [("", "secret_missing"), ("Bearer wrong", "workspace_unknown")])
async def test_a_stranger_is_told_which_secret_to_send(gateway: Running, authorization: str, code: str) -> None:
    answer = await gateway.post(EXPLAIN, ASKED, {"Authorization": authorization})
    document = check_problem(answer, 401, code)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "secret" in document["detail"]


async def test_who_asks_too_much_is_asked_to_come_again(gateway: Running) -> None:
    await gateway.registry.update_workspace("workspace", limits=Limits(rate=1.0, burst=1))
    await gateway.gateway.follower.check()
    assert (await ask(gateway, ASKED)).status == 200
    answer = await ask(gateway, ASKED)
    check_problem(answer, 429, "workspace_rate")
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        (b"", 400, "invalid_json", None),
        (b"{", 400, "invalid_json", None),
        (b'{"receiver": {"id": "\xff"}}', 400, "invalid_json", None),
        (b"[]", 422, "invalid_request", None),
        ({**ASKED, "receiver": {"id": "bob", "status": "asleep"}}, 422, "invalid_request", "/receiver/status"),
        ({**ASKED, "receivers": [{"id": "a"}, {}]}, 422, "invalid_request", "/receivers/1"),
        ({**ASKED, "rooms": 1}, 422, "invalid_request", None),
        ({key: ASKED[key] for key in ("room", "message")}, 422, "invalid_request", None),
        (b" " * (1024 * 1024 + 1), 413, "body_too_large", None),
    ],
)
async def test_what_is_wrong_is_named_and_pointed_at(
    gateway: Running, body: Any, status: int, code: str, pointer: str | None
) -> None:
    assert check_problem(await ask(gateway, body), status, code).get("pointer") == pointer


async def test_it_is_asked_with_post(gateway: Running) -> None:
    answer = await gateway.get(gateway.url + EXPLAIN)
    check_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"


async def test_the_description_names_every_answer_and_holds_together(gateway: Running) -> None:
    answer = await gateway.get(gateway.url + "/api/v1/openapi.json")
    assert answer.headers["Content-Type"].startswith("application/json")
    document = answer.document
    assert document["openapi"].startswith("3.1")
    responses = document["paths"][EXPLAIN]["post"]["responses"]
    assert set(responses) == {"200", "400", "401", "408", "413", "422", "429", "503"}
    schemas = document["components"]["schemas"]
    named = {reference.rsplit("/", 1)[-1] for reference in _references(document)}
    assert named <= set(schemas)
    assert set(schemas["Rule"]["enum"]) == set(Rule)
    assert set(schemas["Request"]["properties"]) == {"receiver", "receivers", "room", "message"}


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [reference for one in part for reference in _references(one)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if "$ref" in part else []
    return own + _references(list(part.values()))


ODD = [None, True, -1, 1e300, "", "x" * 300, [], {}, [{}], {"id": 1}]


@pytest.mark.parametrize("part", ASKED)
@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
async def test_whatever_is_asked_is_answered_as_described(gateway: Running, part: str, odd: object) -> None:
    answer = await ask(gateway, {**ASKED, part: odd})
    check_problem(answer, 422, "invalid_request")
