"""Google's double: OAuth, every rule it checks, and every answer it can be told to give."""

import asyncio
import json
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.transport import Request
from google.oauth2.service_account import Credentials

from gateway.model.clock import SystemClock
from gateway.providers.simulator import Rule, Simulator
from gateway.providers.simulator.fcm_schema import check_send_request
from tests.providers.simulator.conftest import ANY_PORT, FCM_PATH, FCM_TOKEN, FORM, GRANT, SCOPE
from tests.providers.simulator.h2_client import H2Client

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def error_code(reply):
    codes = [detail["errorCode"] for detail in reply.json["error"].get("details", []) if detail["@type"] == FCM_ERROR]
    return codes[0] if codes else None


def violated(reply):
    details = reply.json["error"].get("details", [])
    return [each["field"] for detail in details if detail["@type"] == BAD_REQUEST for each in detail["fieldViolations"]]


async def grant(fcm, body: str, headers=FORM, method="POST"):
    return await fcm.send("/token", headers, body.encode(), method)


async def test_a_grant_gives_a_token(fcm, assertion):
    reply = await grant(fcm, f"grant_type={GRANT}&assertion={assertion()}")
    assert reply.status == 200
    assert (reply.json["expires_in"], reply.json["token_type"]) == (3599, "Bearer")
    assert reply.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    ("changed", "error", "description"),
    [
        ({"signer": OTHER_KEY}, "invalid_grant", "Invalid JWT Signature."),
        ({"signer": "x" * 32, "algorithm": "HS256"}, "invalid_grant", "Invalid JWT."),
        ({"iat": None}, "invalid_grant", "Invalid JWT."),
        ({"iss": "x@example.org"}, "invalid_grant", "Invalid grant: account not found"),
        ({"aud": "https://example.org/token"}, "invalid_grant", "Invalid JWT: Failed audience check."),
        ({"exp": 1}, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)"),
        ({"exp": 2_000_000_000}, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)"),
        (
            {"iat": 1_800_000_301, "exp": 1_800_000_400},
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes)",
        ),
        ({"scope": None}, "invalid_scope", "Invalid OAuth scope"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "invalid_scope", "Invalid OAuth scope"),
    ],
)
async def test_a_bad_grant_is_refused(fcm, assertion, changed, error, description):
    reply = await grant(fcm, f"grant_type={GRANT}&assertion={assertion(**changed)}")
    assert (reply.status, reply.json["error"]) == (400, error)
    assert reply.json["error_description"].startswith(description)


@pytest.mark.parametrize(
    ("body", "headers", "error"),
    [
        ("", FORM, "invalid_request"),
        (f"grant_type={GRANT}", FORM, "invalid_request"),
        (f"grant_type={GRANT}&assertion=a&assertion=b", FORM, "invalid_request"),
        (f"grant_type={GRANT}&assertion=a", [], "invalid_request"),
        ("grant_type=password", FORM, "unsupported_grant_type"),
        (f"grant_type={GRANT}&assertion=a", FORM, "invalid_grant"),
    ],
)
async def test_a_malformed_grant_is_refused(fcm, body, headers, error):
    reply = await grant(fcm, body, headers)
    assert (reply.status, reply.json["error"]) == (400, error)


class Bridge(Request):
    """Carries google-auth's blocking request, made in a thread, over the test's connection."""

    def __init__(self, fcm):
        self.fcm = fcm
        self.loop = asyncio.get_running_loop()

    def __call__(self, url, method="GET", body=None, headers=None, timeout=None, **kwargs):
        pairs = [(name.lower(), value) for name, value in headers.items()]
        sent = self.fcm.send(urlsplit(url).path, pairs, body, method)
        reply = asyncio.run_coroutine_threadsafe(sent, self.loop).result(10)
        return SimpleNamespace(status=reply.status, headers=reply.headers, data=bytes(reply.body))


async def test_google_auth_gets_a_token(data, tls):
    async with Simulator(data, ANY_PORT, SystemClock()) as simulator, H2Client(simulator.fcm_url, tls) as fcm:
        account = await asyncio.to_thread((data / "service-account.json").read_text)
        credentials = Credentials.from_service_account_info(json.loads(account), scopes=[SCOPE])
        await asyncio.to_thread(credentials.refresh, Bridge(fcm))
        assert credentials.token.startswith("ya29.")
        headers = [("authorization", f"Bearer {credentials.token}")]
        body = json.dumps({"message": {"token": FCM_TOKEN}}).encode()
        assert (await fcm.send(FCM_PATH, headers, body)).status == 200


async def test_tokens_are_posted_for(fcm):
    assert (await grant(fcm, "", method="GET")).status == 405


async def test_a_good_push_is_taken_and_shown(simulator, send, clock):
    message = {
        "token": FCM_TOKEN,
        "data": {"ejson": '{"host":"https://chat.example.org/"}', "message": "ünïcode 🚀"},
        "android": {"priority": "HIGH", "ttl": "60s", "collapse_key": "x"},
    }
    reply = await send(message, validate_only=False)
    assert reply.status == 200
    assert reply.json["name"].startswith("projects/sim-project/messages/0:")
    (entry,) = simulator.received
    assert (entry.at, entry.platform, entry.token) == (clock.now(), "fcm", FCM_TOKEN)
    assert (entry.status, entry.reason, entry.validate_only) == (200, None, False)
    assert entry.payload == message
    assert entry.headers == {"authorization": "bearer ***"}


def test_a_message_keeps_its_words_in_a_repr():
    request = check_send_request({"message": {"token": FCM_TOKEN, "data": {"title": "words"}}})
    assert repr(request) == "SendRequest(...)"
    assert repr(request.message) == "Message(...)"


async def test_a_dry_run_is_said_to_be_one(simulator, send):
    reply = await send(validate_only=True)
    assert reply.json == {"name": "projects/sim-project/messages/fake_message_id"}
    assert simulator.received[0].validate_only is True


@pytest.mark.parametrize("authorization", [None, "Bearer nobody's", "Basic eA=="])
async def test_strangers_are_refused(simulator, send, authorization):
    reply = await send(authorization=authorization)
    assert (reply.status, reply.json["error"]["status"], error_code(reply)) == (401, "UNAUTHENTICATED", None)
    assert "details" not in reply.json["error"]
    assert simulator.received[0].reason == "UNAUTHENTICATED"


async def test_an_access_token_grows_old(fcm, send, assertion, clock):
    await clock.advance(3598)
    assert (await send()).status == 200
    await clock.advance(1)
    assert (await send()).status == 401
    again = await grant(fcm, f"grant_type={GRANT}&assertion={assertion()}")
    assert (await send(authorization=f"bearer {again.json['access_token']}")).status == 200


async def test_another_project_is_not_found(send):
    reply = await send(path="/v1/projects/other/messages:send")
    assert (reply.status, reply.json["error"]["status"], error_code(reply)) == (404, "NOT_FOUND", None)


@pytest.mark.parametrize("changed", [{"path": "/"}, {"method": "PUT"}])
async def test_other_addresses_are_not_found(simulator, send, changed):
    reply = await send(**changed)
    assert (reply.status, reply.json["error"]["status"]) == (404, "NOT_FOUND")
    assert simulator.received == []


def with_data(**data):
    return {"token": FCM_TOKEN, "data": data}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (with_data(x=1), "message.data[x]"),
        (with_data(x=None), "message.data[x]"),
        (with_data(**{"from": "x"}), "message.data[from]"),
        (with_data(message_type="x"), "message.data[message_type]"),
        (with_data(**{"google.x": "x"}), "message.data[google.x]"),
        (with_data(**{"gcm.x": "x"}), "message.data[gcm.x]"),
        (with_data(ä="x" * 4095), "message.data"),
        ({"token": FCM_TOKEN, "data": []}, "message.data"),
        ({"token": FCM_TOKEN, "android": {"data": {"from": "x"}}}, "message.android.data[from]"),
        ({"token": FCM_TOKEN, "android": {"priority": "high"}}, "message.android.priority"),
        ({"token": FCM_TOKEN, "android": {"priority": 10}}, "message.android.priority"),
        ({"token": FCM_TOKEN, "android": {"ttl": 60}}, "message.android.ttl"),
        ({"token": FCM_TOKEN, "android": {"ttl": "60"}}, "message.android.ttl"),
        ({"token": FCM_TOKEN, "android": {"ttl": "-1s"}}, "message.android.ttl"),
        ({"token": FCM_TOKEN, "android": {"ttl": "2419200.1s"}}, "message.android.ttl"),
        ({"token": FCM_TOKEN, "android": {"x": 1}}, "message.android.x"),
        ({"token": FCM_TOKEN, "x": 1}, "message.x"),
        ({"token": FCM_TOKEN, "notification": {"title": 1}}, "message.notification.title"),
        ({"data": {}}, "message"),
        ([], "message"),
        ({"token": 5}, "message.token"),
        ({"token": ""}, "message.token"),
        ({"token": "white space"}, "message.token"),
        ({"token": "ünïcode"}, "message.token"),
        ({"topic": "/topics/news"}, "message.topic"),
        ({"topic": ""}, "message.topic"),
        ({"topic": "news", "token": FCM_TOKEN}, "message"),
    ],
)
async def test_a_bad_message_is_refused_by_its_field(simulator, send, message, field):
    reply = await send(message)
    assert (reply.status, reply.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert (error_code(reply), violated(reply)) == ("INVALID_ARGUMENT", [field])
    assert simulator.received[0].reason == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("body", "field"),
    [(b"{", ""), (b"[]", ""), (b'"\xff"', ""), (b"x" * 100_000, ""), (b"{}", ""), (b'{"message":{},"x":1}', "x")],
)
async def test_a_bad_body_is_refused(simulator, send, body, field):
    reply = await send(body=body)
    assert (reply.status, violated(reply)) == (400, [field])
    assert simulator.received[0].token == ""
    assert simulator.received[0].payload in (None, {})


@pytest.mark.parametrize(
    "message",
    [
        with_data(x="y" * 4095),
        {"token": FCM_TOKEN, "android": {"ttl": "2419200s"}},
        {"token": FCM_TOKEN, "android": {"ttl": "3.5s", "priority": "NORMAL"}},
        {"token": FCM_TOKEN, "notification": {"title": "x", "body": "y"}, "apns": {"headers": {"a": "b"}}},
        {"topic": "news-2.a~b%c"},
    ],
)
async def test_what_google_allows_is_taken(send, message):
    assert (await send(message)).status == 200


@pytest.mark.parametrize(
    ("status", "reason", "rpc", "of_fcm", "fields"),
    [
        (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", True, ["message.token"]),
        (404, "UNREGISTERED", "NOT_FOUND", True, []),
        (403, "SENDER_ID_MISMATCH", "PERMISSION_DENIED", True, []),
        (429, "QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED", True, []),
        (503, "UNAVAILABLE", "UNAVAILABLE", True, []),
        (500, "INTERNAL", "INTERNAL", True, []),
        (401, "THIRD_PARTY_AUTH_ERROR", "UNAUTHENTICATED", True, []),
        (403, "PERMISSION_DENIED", "PERMISSION_DENIED", False, []),
        (401, "UNAUTHENTICATED", "UNAUTHENTICATED", False, []),
        (404, "NOT_FOUND", "NOT_FOUND", False, []),
        (400, "NEW_AT_GOOGLE", "UNKNOWN", True, []),
    ],
)
async def test_every_error_of_googles_can_be_ordered(simulator, send, status, reason, rpc, of_fcm, fields):
    simulator.set_rules([Rule(platform="fcm", status=status, reason=reason)])
    reply = await send()
    error = reply.json["error"]
    assert (reply.status, error["code"], error["status"]) == (status, status, rpc)
    assert error_code(reply) == (reason if of_fcm else None)
    assert violated(reply) == fields
    assert error["message"]
    assert simulator.received[0].reason == reason


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "SENDER_ID_MISMATCH"),
        (404, "UNREGISTERED"),
        (410, "UNREGISTERED"),
        (413, "INVALID_ARGUMENT"),
        (429, "QUOTA_EXCEEDED"),
        (500, "INTERNAL"),
        (502, "INTERNAL"),
        (503, "UNAVAILABLE"),
    ],
)
async def test_a_status_alone_has_its_usual_reason(simulator, send, status, reason):
    simulator.set_rules([Rule(status=status, retry_after=3)])
    reply = await send()
    assert (reply.status, reply.headers["retry-after"]) == (status, "3")
    assert simulator.received[0].reason == reason


async def test_a_rule_can_accept_what_would_be_refused(simulator, send):
    simulator.set_rules([Rule(status=200)])
    assert (await send(body=b"{")).status == 200


async def test_a_rule_for_apple_is_none_for_google(simulator, send):
    simulator.set_rules([Rule(platform="apns", status=410), Rule(environment="sandbox", status=410)])
    assert (await send()).status == 200


async def test_a_delayed_push_is_received_at_once_and_answered_late(simulator, send, clock, until):
    simulator.set_rules([Rule(delay_ms=1500, status=404)])
    sent = asyncio.create_task(send())
    await until(lambda: simulator.received)
    assert not sent.done()
    await clock.advance(1.5)
    assert (await sent).status == 404
