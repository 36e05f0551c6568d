"""The client that stands where aioapns' own would."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator

import pytest
from aioapns import NotificationRequest, PushType
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.http2 import NotSent, Origin, Pool, Unanswered
from gateway.providers.apns_client import ApnsClient
from gateway.providers.provider_token import MIN_AGE, ProviderToken
from gateway.providers.tls import client_context
from tests.clock import ManualClock
from tests.http2.scripted import Received
from tests.providers.endpoint import Endpoint, Reply, header
from tests.providers.pushes import ID, IPHONE, NOW, TOPIC

REQUEST = NotificationRequest(
    IPHONE,
    message={"aps": {"alert": "hello"}},
    notification_id=ID,
    time_to_live=60,
    priority=10,
    collapse_key="collapse",
    push_type=PushType.ALERT,
    apns_topic=TOPIC,
)


@pytest.fixture
def tls(ca_file: str) -> ssl.SSLContext:
    return client_context(ca_file)


@pytest.fixture
def token(clock: ManualClock) -> ProviderToken:
    return ProviderToken(ec.generate_private_key(ec.SECP256R1()), "KEYID00001", "TEAMID0001", clock)


@pytest.fixture
async def client(
    endpoint: Endpoint, tls: ssl.SSLContext, token: ProviderToken, clock: ManualClock
) -> AsyncIterator[ApnsClient]:
    client = ApnsClient(Pool(Origin.parse(endpoint.url), tls, clock=clock), token, clock)
    yield client
    await client.pool.aclose()


def refusal(status: int, reason: str, **more: object) -> Reply:
    return Reply(status, json.dumps({"reason": reason, **more}).encode())


async def test_aioapns_request_goes_out_as_apple_wants_it(
    client: ApnsClient, endpoint: Endpoint, token: ProviderToken
) -> None:
    result = await client.send_notification(REQUEST)
    assert (result.is_successful, result.status, result.description) == (True, "200", "")
    assert (result.notification_id, result.timestamp, result.retry_after) == (ID, None, None)
    (request,) = endpoint.requests
    assert json.loads(request.body) == {"aps": {"alert": "hello"}}
    assert {name: value for name, value in request.headers if name[0] != ":"} == {
        "apns-topic": TOPIC,
        "apns-priority": "10",
        "apns-push-type": "alert",
        "authorization": token.get_header(),
        "apns-id": ID,
        "apns-expiration": str(int(NOW) + 60),
        "apns-collapse-id": "collapse",
    }
    assert (header(request, ":method"), request.path) == ("POST", f"/3/device/{IPHONE}")


async def test_what_a_request_does_not_name_is_not_sent(client: ApnsClient, endpoint: Endpoint) -> None:
    bare = NotificationRequest(IPHONE, message={"aps": {}}, notification_id=ID, apns_topic=TOPIC)
    await client.send_notification(bare)
    (request,) = endpoint.requests
    assert header(request, "apns-collapse-id") is None
    assert header(request, "apns-push-type") is None
    assert header(request, "apns-expiration") == str(int(NOW))


async def test_apples_answer_is_aioapns_result_with_the_wait(client: ApnsClient, endpoint: Endpoint) -> None:
    endpoint.reply = lambda request: Reply(
        410,
        b'{"reason": "Unregistered", "timestamp": 1799999999000}',
        (("apns-id", "APPLES-OWN-ID"), ("retry-after", "12")),
    )
    result = await client.send_notification(REQUEST)
    assert (result.is_successful, result.status, result.description) == (False, "410", "Unregistered")
    assert (result.notification_id, result.timestamp, result.retry_after) == ("APPLES-OWN-ID", 1799999999000, 12.0)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"[]", b"\xff", b'{"reason": 7}', b'{"reason": "Bad", "timestamp": "soon"}']
)
async def test_a_body_that_is_not_apples_json_says_nothing(client: ApnsClient, endpoint: Endpoint, body: bytes) -> None:
    endpoint.reply = lambda request: Reply(400, body)
    result = await client.send_notification(REQUEST)
    assert (result.status, result.description, result.timestamp) == ("400", "", None)


class Once:
    """Refuses the first push and takes all others."""

    def __init__(self, reason: str) -> None:
        self._reason = reason
        self._refused = False

    def __call__(self, request: Received) -> Reply:
        if self._refused:
            return Reply()
        self._refused = True
        return refusal(403, self._reason)


@pytest.mark.parametrize("reason", ["ExpiredProviderToken", "IdleTimeout"])
async def test_what_says_nothing_of_the_push_is_tried_again_at_once_with_the_same_id(
    client: ApnsClient, endpoint: Endpoint, reason: str
) -> None:
    endpoint.reply = Once(reason)
    assert (await client.send_notification(REQUEST)).is_successful
    assert [header(request, "apns-id") for request in endpoint.requests] == [ID, ID]


@pytest.mark.parametrize("reason", ["ExpiredProviderToken", "IdleTimeout"])
async def test_it_is_tried_again_once_only(client: ApnsClient, endpoint: Endpoint, reason: str) -> None:
    endpoint.reply = lambda request: refusal(403, reason)
    assert (await client.send_notification(REQUEST)).description == reason
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("reason", ["InvalidProviderToken", "BadDeviceToken", "InternalServerError"])
async def test_every_other_answer_stands(client: ApnsClient, endpoint: Endpoint, reason: str) -> None:
    endpoint.reply = lambda request: refusal(403, reason)
    assert (await client.send_notification(REQUEST)).description == reason
    assert len(endpoint.requests) == 1


async def test_an_expired_provider_token_is_made_anew_but_not_within_twenty_minutes(
    client: ApnsClient, endpoint: Endpoint, clock: ManualClock
) -> None:
    endpoint.reply = Once("ExpiredProviderToken")
    await client.send_notification(REQUEST)
    await clock.advance(MIN_AGE)
    endpoint.reply = Once("ExpiredProviderToken")
    await client.send_notification(REQUEST)
    used = [header(request, "authorization") for request in endpoint.requests]
    assert len(used) == 4
    assert used[0] == used[1] == used[2]
    assert used[3] != used[2]


async def test_without_a_token_there_is_no_authorization(
    endpoint: Endpoint, tls: ssl.SSLContext, clock: ManualClock
) -> None:
    client = ApnsClient(Pool(Origin.parse(endpoint.url), tls, clock=clock), None, clock)
    endpoint.reply = lambda request: refusal(403, "ExpiredProviderToken")
    assert (await client.send_notification(REQUEST)).description == "ExpiredProviderToken"
    assert [header(request, "authorization") for request in endpoint.requests] == [None, None]
    await client.pool.aclose()


async def test_no_answer_in_time_is_told_as_such(client: ApnsClient, endpoint: Endpoint, clock: ManualClock) -> None:
    endpoint.gate.clear()
    sending = asyncio.create_task(client.send_notification(REQUEST, timeout=3.0))
    await endpoint.arrived()
    await clock.advance(3.0)
    with pytest.raises(Unanswered, match="the time is up"):
        await sending


async def test_both_attempts_share_one_deadline(client: ApnsClient, endpoint: Endpoint, clock: ManualClock) -> None:
    refuse = Once("IdleTimeout")

    def slow(request: Received) -> Reply:
        if endpoint.requests[1:]:
            endpoint.gate.clear()
        return refuse(request)

    endpoint.reply = slow
    endpoint.gate.clear()
    sending = asyncio.create_task(client.send_notification(REQUEST, timeout=3.0))
    await endpoint.arrived()
    await clock.advance(2.0)
    endpoint.gate.set()
    await endpoint.arrived()
    await clock.advance(1.0)
    with pytest.raises(Unanswered, match="the time is up"):
        await sending
    assert len(endpoint.requests) == 2


async def test_a_host_that_is_down_is_told_as_not_sent(nobody: str, tls: ssl.SSLContext, clock: ManualClock) -> None:
    client = ApnsClient(Pool(Origin.parse(nobody), tls, clock=clock), None, clock)
    with pytest.raises(NotSent, match="no connection could be made"):
        await client.send_notification(REQUEST)
    await client.pool.aclose()
