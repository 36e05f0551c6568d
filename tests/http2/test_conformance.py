"""Our client and servers that nobody here wrote: nghttpd, and Node's http2."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from gateway.http2 import Http2Error, Limits, Pool, Request
from gateway.model.clock import SystemClock
from tests.http2.conftest import MakePool, a_request
from tests.servers.nghttpd import nghttpd
from tests.servers.node import node
from tests.servers.process import Running

SERVERS = {"nghttpd": nghttpd, "node": node}
ECHO = ("nghttpd", "--echo-upload")
NODE = ("node",)
GENEROUS = 60.0
"""Seconds, of real time, that no request needs."""
ROOMY = Limits(max_response_body=200_000)
SIZES = (0, 1, 4_096, 100_000)
FIRST_WINDOW = 65_535
"""Octets that a peer may send before it is given more (RFC 9113 section 6.9.2)."""


def against(*servers: tuple[str, ...]) -> pytest.MarkDecorator:
    """Run a test against each of these: a command and its options."""
    return pytest.mark.parametrize("server", servers, indirect=True, ids=" ".join)


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def server(request: pytest.FixtureRequest, authority: trustme.CA, tmp_path: Path) -> Iterator[Running]:
    command, *options = request.param
    if shutil.which(command) is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)(f"{command} is not installed")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "ok").write_text("ok")
    with SERVERS[command](authority, tmp_path, *options) as running:
        yield running


async def become(pool: Pool, *paths: str, body: bytes = b"{}") -> list[int | str]:
    """Send to all paths at once; return the status of each, or how it failed."""

    async def one(path: str) -> int | str:
        try:
            return (await pool.send(a_request(path, body), timeout=GENEROUS)).status
        except Http2Error as error:
            return f"{type(error).__name__}: {error.reason}"

    return await asyncio.gather(*map(one, paths))


async def echoes(pool: Pool, *bodies: bytes) -> list[bytes]:
    sending = [pool.send(a_request("/echo", body), timeout=GENEROUS) for body in bodies]
    answers = await asyncio.gather(*sending)
    assert {answer.status for answer in answers} == {200}
    return [answer.body for answer in answers]


def a_body(size: int) -> bytes:
    return bytes(number % 251 for number in range(size))


# Both.


@against(ECHO, NODE)
async def test_a_thousand_at_once_are_all_answered(pool: Pool) -> None:
    bodies = [str(number).encode() for number in range(1_000)]
    assert await echoes(pool, *bodies) == bodies
    assert await echoes(pool, b"next") == [b"next"]
    assert pool.statistics().goaways == {}


@against(
    NODE,
    ECHO,
    (*ECHO, "-m", "1"),
    (*ECHO, "-w", "8"),
    (*ECHO, "-W", "20", "-w", "20"),
    (*ECHO, "-w", "12", "-W", "14"),
    (*ECHO, "-b", "255"),
    (*ECHO, "--header-table-size=0"),
    (*ECHO, "--header-table-size=100"),
    (*ECHO, "--encoder-header-table-size=0"),
    (*ECHO, "--encoder-header-table-size=64K"),
    (*ECHO, "--no-content-length"),
    (*ECHO, "--trailer", "x-trailer: yes"),
)
async def test_bodies_come_back_as_they_were(make_pool: MakePool) -> None:
    pool = make_pool(ROOMY)
    bodies = [a_body(size) for size in SIZES * 2]
    assert await echoes(pool, *bodies) == bodies
    assert await echoes(pool, *bodies) == bodies
    assert (pool.statistics().open, pool.statistics().retries, pool.statistics().goaways) == (1, 0, {})


@against(ECHO, NODE, (*ECHO, "-b", "255"), (*ECHO, "--trailer", "x-trailer: yes"))
async def test_of_a_body_over_the_limit_only_the_beginning_is_kept(make_pool: MakePool) -> None:
    pool = make_pool(Limits(max_response_body=1_000))
    body = a_body(100_000)
    assert await echoes(pool, *[body] * 5) == [body[:1_000]] * 5
    assert await echoes(pool, b"next") == [b"next"]
    assert pool.statistics().open == 1


@against(("nghttpd",), ("nghttpd", "-b", "255"), NODE)
async def test_errors_beyond_the_first_window_of_a_connection(make_pool: MakePool) -> None:
    pool = make_pool(Limits(max_connections=1))
    sending = [pool.send(a_request("/missing"), timeout=GENEROUS) for _ in range(1_000)]
    answers = await asyncio.gather(*sending)
    assert {answer.status for answer in answers} == {404}
    assert sum(len(answer.body) for answer in answers) > FIRST_WINDOW
    assert await become(pool, "/ok") == [200]
    assert (pool.statistics().open, pool.statistics().goaways) == (1, {})


# nghttpd.


@against(("nghttpd", "--early-response"), ("nghttpd", "--early-response", "-w", "8", "-m", "1"))
async def test_an_answer_before_the_request_is_complete(pool: Pool) -> None:
    answer = await pool.send(a_request("/ok", a_body(100_000)), timeout=GENEROUS)
    assert (answer.status, answer.body) == (200, b"ok")
    assert await become(pool, *["/ok"] * 10) == [200] * 10
    assert pool.statistics().open == 1


@against(("nghttpd", "-p/ok=/missing"))
async def test_a_server_that_would_push_does_not(pool: Pool) -> None:
    assert await become(pool, *["/ok"] * 10) == [200] * 10
    assert (pool.statistics().open, pool.statistics().goaways) == (1, {})


# Node: the path says what the server does.


@against(NODE)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/hints", b"after hints"),
        ("/trailers", b"before trailers"),
        ("/push", b"ERR_HTTP2_PUSH_DISABLED"),
        ("/ping", b"in order"),
        ("/reset-when-answered?code=0", b"all"),
        ("/reset-when-answered?code=2", b"all"),
    ],
)
async def test_what_comes_beside_an_answer_leaves_it_as_it_is(pool: Pool, path: str, body: bytes) -> None:
    answer = await pool.send(a_request(path), timeout=GENEROUS)
    assert (answer.status, answer.body, answer.headers.get("x-trailer")) == (200, body, None)
    assert await become(pool, "/ok") == [200]
    assert pool.statistics().open == 1


@against(NODE)
async def test_headers_arrive_as_they_were_whatever_becomes_of_the_table(pool: Pool) -> None:
    constant = (("content-type", "application/json"), ("x-constant", "c" * 300))
    expected = {":method": "POST", ":scheme": "https", ":path": "/received"} | dict(constant)
    for size in (4_096, 0, 100, 65_536, 400):
        assert await become(pool, f"/settings?headerTableSize={size}") == [200]
        for number in range(4):
            request = Request("/received", constant, (("x-varying", f"{size}-{number}"),), b"{}")
            received: dict[str, Any] = msgspec.json.decode((await pool.send(request, timeout=GENEROUS)).body)
            assert received.pop(":authority").startswith("127.0.0.1:")
            assert received == expected | {"x-varying": f"{size}-{number}"}
    assert (pool.statistics().open, pool.statistics().goaways) == (1, {})


@against(NODE)
async def test_large_headers_are_read_up_to_the_limit_of_a_block(pool: Pool) -> None:
    answer = await pool.send(a_request("/headers?count=2&octets=15000"), timeout=GENEROUS)
    assert [answer.headers[f"x-large-{number}"] for number in range(2)] == ["~" * 15_000] * 2
    assert await become(pool, "/headers?count=3&octets=15000") == ["Unanswered: protocol_error"]
    assert await become(pool, "/ok") == [200]


@against(NODE)
@pytest.mark.parametrize("path", [*(f"/reset?code={code}" for code in (0, 1, 2, 3, 8, 11, 13)), "/reset-halfway"])
async def test_a_reset_ends_one_request_and_no_other(pool: Pool, path: str) -> None:
    assert await become(pool, "/ok", path, "/ok") == [200, "Unanswered: stream_reset", 200]
    assert await become(pool, "/ok") == [200]
    assert pool.statistics().open == 1


@against(NODE)
async def test_a_refused_request_comes_again(pool: Pool) -> None:
    assert await become(pool, "/reset-once?code=7", "/ok") == [200, 200]
    assert (pool.statistics().open, pool.statistics().retries) == (1, 1)
    assert await become(pool, "/reset?code=7") == ["NotSent: refused_stream"]
    assert await become(pool, "/ok") == [200]


@against(NODE)
@pytest.mark.parametrize(
    ("path", "reason", "again"),
    [
        ("/goaway?code=0&last=0&debug=", "code_0", 0),
        ("/goaway?code=0&last=3&debug=", "code_0", 1),
        ("/goaway?code=0&last=1&debug=", "code_0", 2),
        ("/goaway?code=11&last=0&debug=", "code_11", 0),
        ('/goaway?code=0&last=0&debug={"reason":"Shutdown"}', "Shutdown", 0),
        ("/close", "code_0", 0),
    ],
)
async def test_a_server_that_goes_away_answers_what_it_took(pool: Pool, path: str, reason: str, again: int) -> None:
    assert await become(pool, "/hold?1", "/hold?2", path) == [200] * 3
    assert await become(pool, "/alone") == [200]
    now = pool.statistics()
    assert (now.open, now.retries, now.goaways) == (1, again, {reason: 1})


@against(NODE)
@pytest.mark.parametrize("path", ["/destroy?code=0", "/destroy?code=2", "/hang-up"])
async def test_a_connection_that_ends_leaves_nobody_waiting(pool: Pool, path: str) -> None:
    ended = {"Unanswered: connection_lost", "Unanswered: stream_reset"}
    assert set(await become(pool, "/hold?1", "/hold?2", path)) <= ended
    assert await become(pool, *["/ok"] * 3) == [200] * 3
    assert (pool.statistics().open, pool.statistics().in_flight) == (1, 0)


@against(NODE)
@pytest.mark.parametrize("streams", [1, 3])
async def test_no_stream_too_many_is_opened_when_fewer_are_allowed(pool: Pool, streams: int) -> None:
    assert await become(pool, f"/settings?maxConcurrentStreams={streams}") == [200]
    assert await become(pool, *["/ok"] * 50) == [200] * 50
    assert pool.statistics().retries == 0


@against(NODE)
async def test_windows_and_frames_change_while_bodies_are_on_their_way(make_pool: MakePool) -> None:
    pool = make_pool(ROOMY)
    bodies = [a_body(100_000)] * 4
    for changed in ("initialWindowSize=1000", "initialWindowSize=200000&maxFrameSize=60000", "initialWindowSize=100"):
        echoed, settled = await asyncio.gather(echoes(pool, *bodies), become(pool, f"/settings?{changed}"))
        assert (echoed, settled) == (bodies, [200])
        assert await echoes(pool, a_body(4_096)) == [a_body(4_096)]
    assert (pool.statistics().open, pool.statistics().goaways) == (1, {})
