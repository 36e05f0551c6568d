"""Google's access tokens: fetched once for all who wait, ahead of their end, and never in a hurry."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.oauth2.service_account import Credentials as ServiceAccount

from gateway.http2 import Origin, Pool
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.providers.oauth import (
    FAILURE_PAUSE,
    GRANT_SECONDS,
    GRANT_TYPE,
    REFRESH_AHEAD,
    RENEWAL_PAUSE,
    SCOPE,
    UNUSABLE,
    AccessToken,
    endpoint_path,
)
from gateway.providers.tls import client_context
from tests.clock import ManualClock
from tests.http2.scripted import Received
from tests.providers.endpoint import Endpoint, Reply, header

AUDIENCE = "https://oauth2.googleapis.com/token"
MakeToken = Callable[[str], AccessToken]
Until = Callable[[Callable[[], object]], Any]


def granted(bearer: str, seconds: float = 3600) -> Reply:
    return Reply(200, json.dumps({"access_token": bearer, "expires_in": seconds, "token_type": "Bearer"}).encode())


class Mint:
    """Grants `first`, `second`, ... in turn."""

    def __init__(self) -> None:
        self._names = iter(("first", "second", "third", "fourth", "fifth"))

    def __call__(self, request: Received) -> Reply:
        return granted(next(self._names))


@pytest.fixture
def tls(ca_file: str) -> ssl.SSLContext:
    return client_context(ca_file)


@pytest.fixture
def service_account(account: dict[str, Any]) -> ServiceAccount:
    return ServiceAccount.from_service_account_info(account, scopes=[SCOPE])


@pytest.fixture
async def make(service_account: ServiceAccount, tls: ssl.SSLContext, clock: ManualClock) -> AsyncIterator[MakeToken]:
    made: list[AccessToken] = []

    def make_one(url: str) -> AccessToken:
        pool = Pool(Origin.parse(url), tls, clock=clock)
        made.append(AccessToken(service_account, AUDIENCE, pool, "/token", clock))
        return made[-1]

    yield make_one
    for token in made:
        await token.aclose(0.0)


@pytest.fixture
def token(make: MakeToken, endpoint: Endpoint) -> AccessToken:
    endpoint.reply = Mint()
    return make(endpoint.url)


async def test_the_grant_is_signed_by_the_account_for_the_endpoint_and_an_hour(
    token: AccessToken, endpoint: Endpoint, account: dict[str, Any], clock: ManualClock
) -> None:
    assert await token.get(10.0) == "first"
    (request,) = endpoint.requests
    assert request.path == "/token"
    assert header(request, "content-type") == "application/x-www-form-urlencoded"
    form = parse_qs(request.body.decode(), strict_parsing=True)
    assert form["grant_type"] == [GRANT_TYPE]
    public_key = load_pem_private_key(account["private_key"].encode(), None).public_key()
    (assertion,) = form["assertion"]
    claims = jwt.decode(
        assertion, public_key, ["RS256"], audience=AUDIENCE, options={"verify_iat": False, "verify_exp": False}
    )
    assert claims == {
        "iss": account["client_email"],
        "scope": SCOPE,
        "aud": AUDIENCE,
        "iat": int(clock.now()),
        "exp": int(clock.now()) + GRANT_SECONDS,
    }
    assert jwt.get_unverified_header(assertion)["kid"] == account["private_key_id"]


async def test_all_who_wait_share_one_fetch(token: AccessToken, endpoint: Endpoint) -> None:
    endpoint.gate.clear()
    waiting = asyncio.gather(*(token.get(10.0) for _ in range(100)))
    await endpoint.arrived()
    late = asyncio.gather(*(token.get(10.0) for _ in range(100)))
    endpoint.gate.set()
    assert set(await waiting) | set(await late) == {"first"}
    assert await token.get(10.0) == "first"
    assert len(endpoint.requests) == 1


async def test_one_who_gives_up_waiting_leaves_the_fetch_to_the_others(token: AccessToken, endpoint: Endpoint) -> None:
    endpoint.gate.clear()
    impatient, patient = (asyncio.create_task(token.get(10.0)) for _ in range(2))
    await endpoint.arrived()
    impatient.cancel()
    await asyncio.wait((impatient,))
    endpoint.gate.set()
    assert await patient == "first"
    assert impatient.cancelled()
    assert len(endpoint.requests) == 1


async def test_it_is_replaced_ahead_of_its_end_while_the_old_one_serves(
    token: AccessToken, endpoint: Endpoint, clock: ManualClock, until: Until
) -> None:
    await token.get(10.0)
    await clock.advance(3600 - REFRESH_AHEAD)
    assert await token.get(10.0) == "first"
    await clock.advance(1)
    endpoint.gate.clear()
    assert {await token.get(10.0) for _ in range(20)} == {"first"}
    await endpoint.arrived()
    await endpoint.arrived()
    assert {await token.get(10.0) for _ in range(20)} == {"first"}
    endpoint.gate.set()
    seen: list[str | Verdict] = []
    async with asyncio.timeout(10):
        while "second" not in seen:
            seen.append(await token.get(10.0))
            await asyncio.sleep(0)
    assert set(seen) == {"first", "second"}
    assert len(endpoint.requests) == 2


async def test_an_old_one_serves_on_while_the_endpoint_is_in_trouble_but_not_to_the_last_second(
    token: AccessToken, endpoint: Endpoint, clock: ManualClock
) -> None:
    await token.get(10.0)
    endpoint.reply = lambda request: Reply(503)
    await clock.advance(3600 - REFRESH_AHEAD + 1)
    assert await token.get(10.0) == "first"
    await endpoint.arrived()
    await endpoint.arrived()
    await clock.advance(REFRESH_AHEAD - 1 - UNUSABLE - 1)
    assert await token.get(10.0) == "first"
    await endpoint.arrived()
    await clock.advance(1)
    endpoint.reply = lambda request: granted("fresh")
    await clock.advance(FAILURE_PAUSE)
    assert await token.get(10.0) == "fresh"


async def test_a_token_that_google_gave_for_seconds_only_is_used_while_it_lasts(
    token: AccessToken, endpoint: Endpoint, clock: ManualClock
) -> None:
    endpoint.reply = lambda request: granted(f"short {len(endpoint.requests)}", seconds=UNUSABLE)
    assert await token.get(10.0) == "short 1"
    assert await token.get(10.0) == "short 2"


REFUSALS = [
    (400, b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}', "invalid_grant"),
    (401, b'{"error": "invalid_client"}', "invalid_client"),
    (403, b"<html>Forbidden</html>", ""),
    (404, b"", ""),
    (400, b'{"error": {"code": 400}}', ""),
    (400, json.dumps({"error": "e" * 100}).encode(), "e" * 64),
]


@pytest.mark.parametrize(("status", "body", "words"), REFUSALS)
async def test_a_refusal_is_the_accounts_fault_and_believed_for_ten_seconds(
    token: AccessToken, endpoint: Endpoint, clock: ManualClock, status: int, body: bytes, words: str
) -> None:
    endpoint.reply = lambda request: Reply(status, body)
    refused = Verdict(VerdictKind.CREDENTIALS_REFUSED, Reason.FCM_OAUTH_REFUSED, status, words)
    assert set(await asyncio.gather(*(token.get(10.0) for _ in range(50)))) == {refused}
    await clock.advance(FAILURE_PAUSE - 1)
    assert await token.get(10.0) == refused
    assert len(endpoint.requests) == 1
    endpoint.reply = Mint()
    await clock.advance(1)
    assert await token.get(10.0) == "first"
    assert len(endpoint.requests) == 2


TROUBLES = [
    (500, b"", None, None),
    (502, b"<html>Bad Gateway</html>", None, None),
    (503, b'{"error": "internal_failure"}', "30", 30.0),
    (429, b'{"error": "rate_limit_exceeded"}', "25", 25.0),
    (429, b"", "Fri, 15 Jan 2027 08:01:00 GMT", 60.0),
    (429, b"", "nonsense", None),
    (302, b"", None, None),
    (200, b"<html>Welcome to the hotel's network</html>", None, None),
    (200, b"{}", None, None),
    (200, b'{"access_token": 7, "expires_in": 3600}', None, None),
    (200, b"\xff\xfe", None, None),
]


@pytest.mark.parametrize(("status", "body", "retry_after", "wait"), TROUBLES)
async def test_trouble_at_the_endpoint_is_for_later_and_not_asked_again_too_soon(
    token: AccessToken,
    endpoint: Endpoint,
    clock: ManualClock,
    status: int,
    body: bytes,
    retry_after: str | None,
    wait: float | None,
) -> None:
    headers = (("retry-after", retry_after),) if retry_after else ()
    endpoint.reply = lambda request: Reply(status, body, headers)
    verdict = await token.get(10.0)
    assert isinstance(verdict, Verdict)
    assert (verdict.kind, verdict.reason, verdict.status, verdict.retry_after) == (
        VerdictKind.LATER,
        Reason.FCM_OAUTH_UNAVAILABLE,
        status,
        wait,
    )
    await clock.advance((wait or FAILURE_PAUSE) - 1)
    assert await token.get(10.0) == verdict
    assert len(endpoint.requests) == 1
    endpoint.reply = Mint()
    await clock.advance(1)
    assert await token.get(10.0) == "first"


async def test_an_endpoint_that_is_down_is_for_later(make: MakeToken, nobody: str) -> None:
    assert await make(nobody).get(10.0) == Verdict(
        VerdictKind.LATER, Reason.FCM_OAUTH_UNAVAILABLE, words="connect_failed"
    )


async def test_an_endpoint_that_does_not_answer_is_for_later(
    token: AccessToken, endpoint: Endpoint, clock: ManualClock
) -> None:
    endpoint.gate.clear()
    waiting = asyncio.create_task(token.get(5.0))
    await endpoint.arrived()
    await clock.advance(5.0)
    assert await waiting == Verdict(VerdictKind.LATER, Reason.FCM_OAUTH_UNAVAILABLE, words="deadline")


async def test_a_refused_bearer_is_renewed_at_most_once_a_minute(
    token: AccessToken, endpoint: Endpoint, clock: ManualClock
) -> None:
    assert await token.get(10.0) == "first"
    token.refused("first")
    token.refused("first")
    assert await token.get(10.0) == "second"
    await clock.advance(RENEWAL_PAUSE - 1)
    token.refused("second")
    assert await token.get(10.0) == "second"
    await clock.advance(1)
    token.refused("second")
    assert await token.get(10.0) == "third"
    assert len(endpoint.requests) == 3


async def test_the_refusal_of_an_older_bearer_changes_nothing(token: AccessToken, endpoint: Endpoint) -> None:
    await token.get(10.0)
    token.refused("older")
    assert await token.get(10.0) == "first"
    assert len(endpoint.requests) == 1


async def test_after_a_refused_renewal_pushes_hear_of_it(token: AccessToken, endpoint: Endpoint) -> None:
    await token.get(10.0)
    endpoint.reply = lambda request: Reply(400, b'{"error": "invalid_grant"}')
    token.refused("first")
    verdict = await token.get(10.0)
    assert isinstance(verdict, Verdict)
    assert (verdict.kind, verdict.words) == (VerdictKind.CREDENTIALS_REFUSED, "invalid_grant")


async def test_closing_ends_a_fetch_and_opens_nothing_more(token: AccessToken, endpoint: Endpoint) -> None:
    endpoint.gate.clear()
    waiting = asyncio.create_task(token.get(10.0))
    await endpoint.arrived()
    await token.aclose(0.0)
    await asyncio.wait((waiting,))
    assert token.pool.statistics().open == 0
    assert await token.get(10.0) == Verdict(VerdictKind.LATER, Reason.FCM_OAUTH_UNAVAILABLE, words="closed")
    assert len(endpoint.requests) == 1


async def test_who_waits_when_it_closes_gets_a_verdict(token: AccessToken, endpoint: Endpoint) -> None:
    endpoint.gate.clear()
    waiting = asyncio.create_task(token.get(10.0))
    await endpoint.arrived()
    await token.aclose(0.0)
    verdict = await waiting
    assert isinstance(verdict, Verdict)
    assert verdict.kind is VerdictKind.LATER


async def test_it_may_be_closed_before_it_was_used_and_twice(token: AccessToken, endpoint: Endpoint) -> None:
    await token.aclose(1.0)
    await token.aclose(1.0)
    assert endpoint.connections == 0


async def test_it_does_not_show_its_bearer(token: AccessToken) -> None:
    await token.get(10.0)
    assert repr(token) == f"AccessToken(audience={AUDIENCE!r})"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://oauth2.googleapis.com/token", "/token"),
        ("https://oauth2.googleapis.com", "/"),
        ("https://oauth2.googleapis.com/a/b?c=d", "/a/b?c=d"),
        ("https://oauth2.googleapis.com?c=d", "/?c=d"),
        ("https://oauth2.googleapis.com/token#part", "/token"),
    ],
)
def test_the_path_of_an_endpoint_is_all_but_the_host(url: str, path: str) -> None:
    assert endpoint_path(url) == path
