"""Which requests the express lane takes, and that it understands them as aiohttp does."""

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpRequestParser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.rocketchat.endpoint import parse_path
from gateway.web.body import MAX_BODY
from gateway.web.sender import Sender
from gateway.web.whole_request import MAX_HEAD, RequestReader, WholeRequest

PUSH = "POST /w/secret/push/gcm/send HTTP/1.1"


def request(*headers: str, body: bytes = b"{}", line: str = PUSH, length: bool = True, host: bool = True) -> bytes:
    said = [*(["Host: here"] if host else []), *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    lines = [line, *said]
    return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape") + body


def read(data: bytes) -> WholeRequest | None:
    return RequestReader("192.0.2.7").read(data)


class Understood(NamedTuple):
    """What aiohttp makes of a request."""

    method: str
    path: str
    sender: Sender
    body: bytes
    keeps_alive: bool


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def by_aiohttp(data: bytes, loop: asyncio.AbstractEventLoop) -> list[Understood]:
    parser = HttpRequestParser(
        BaseProtocol(loop), loop, 2**20, max_line_size=16_384, max_field_size=32_768, max_headers=128
    )
    understood = []
    for message, payload in parser.feed_data(data)[0]:
        headers = message.headers
        named = (headers.getall(name, []) for name in ("X-Forwarded-For", "Via"))
        sender = Sender("192.0.2.7", headers.get("Authorization", ""), *named)
        understood.append(
            Understood(message.method, message.url.path, sender, payload.read_nowait(), not message.should_close)
        )
    return understood


def test_a_plain_push_is_taken() -> None:
    whole = read(request("Authorization: Bearer abc", "X-Forwarded-For: 198.51.100.1", "Via: 1.1 a", "via: 1.1 b"))
    assert whole is not None
    assert (whole.endpoint, whole.body, whole.keeps_alive) == (parse_path("/w/secret/push/gcm/send"), b"{}", True)
    assert whole.sender == Sender("192.0.2.7", "Bearer abc", ["198.51.100.1"], ["1.1 a", "1.1 b"])


def test_of_a_request_as_text_neither_secret_nor_body_is_shown() -> None:
    whole = read(request("Authorization: Bearer abc", body=b"words"))
    shown = "Endpoint(platform='gcm', secret=***), Sender(peer='192.0.2.7', authorization=***), 5 octets"
    assert repr(whole) == f"WholeRequest({shown})"


@pytest.mark.parametrize(
    ("line", "headers", "keeps_alive"),
    [
        (PUSH, (), True),
        (PUSH, ("Connection: close",), False),
        (PUSH.replace("1.1", "1.0"), (), False),
    ],
)
def test_it_is_known_whether_another_may_follow(line: str, headers: tuple[str, ...], keeps_alive: bool) -> None:
    whole = read(request(*headers, line=line))
    assert whole is not None
    assert whole.keeps_alive is keeps_alive


@pytest.mark.parametrize(
    "data",
    [
        b"",
        request()[:-1],
        request()[:20],
        request() + b"P",
        request() + request(),
        request(line="GET /w/secret/push/gcm/send HTTP/1.1"),
        request(line="POST /elsewhere HTTP/1.1"),
        request(line="POST //w/secret/push/gcm/send HTTP/1.1"),
        request(line="POST /w/secret/../push/gcm/send HTTP/1.1"),
        request(line="POST /w/sec%72et/push/gcm/send HTTP/1.1"),
        request(line="POST /push/gcm/send?a=/b HTTP/1.1"),
        request(line="POST http://here/push/gcm/send HTTP/1.1"),
        request(line="POST /w/sécret/push/gcm/send HTTP/1.1"),
        request("Expect: 100-continue"),
        request("Content-Encoding: gzip"),
        request("Upgrade: websocket", "Connection: Upgrade"),
        request("Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n", length=False),
        request("Content-Length: 2"),
        request("Content-Length: 3"),
        request("Host: there"),
        request(host=False),
        request("Connection: keep-alive", line=PUSH.replace("1.1", "1.0")),
        request(line=PUSH.replace("1.1", "2.0")),
        request("Authorization: a", "authorization: b"),
        request("No colon"),
        request(f"X-Long: {'x' * MAX_HEAD}"),
        request(body=b"x" * (MAX_BODY + 1)),
    ],
)
def test_whatever_else_comes_is_left_to_aiohttp(data: bytes) -> None:
    assert read(data) is None


def test_the_largest_body_is_taken() -> None:
    assert read(request(body=b"x" * MAX_BODY)) is not None


def test_of_many_requests_on_a_connection_none_shows_in_the_next() -> None:
    reader = RequestReader("192.0.2.7")
    first = reader.read(request("Authorization: Bearer abc", body=b"words"))
    second = reader.read(request(line=PUSH.replace("gcm", "apn"), body=b""))
    assert first is not None
    assert second is not None
    assert (second.endpoint, second.sender, second.body) == (
        parse_path("/w/secret/push/apn/send"),
        Sender("192.0.2.7", "", [], []),
        b"",
    )


NAMES = st.sampled_from(
    ["Authorization", "authorization", "X-Forwarded-For", "Via", "Connection", "Content-Length", "Host", "X"]
)
VALUES = st.sampled_from(
    ["Bearer abc", "", " a ", "close", "keep-alive", "2", "192.0.2.9, 10.0.0.1", "\tb", "é", "\udcff"]
) | st.text(st.characters(codec="latin-1"), max_size=6)
LINES = st.sampled_from([PUSH, PUSH.replace("1.1", "1.0"), "POST /push/apn/send/ HTTP/1.1"])
ODD_LINES = st.text(st.sampled_from("POST /w.%?#:\\push apn send HTTP/1.1\r\n\t"), max_size=40)


def test_what_is_taken_is_what_aiohttp_understands(loop: asyncio.AbstractEventLoop) -> None:
    @given(
        line=st.one_of(LINES, LINES, LINES, ODD_LINES),
        headers=st.lists(st.tuples(NAMES, st.sampled_from([": ", ":", " :", ":\t"]), VALUES), max_size=5),
        body=st.binary(max_size=8),
        length=st.sampled_from([True, True, False]),
        host=st.sampled_from([True, True, False]),
        more=st.sampled_from([b""] * 8 + [b"\r\n", b"POST"]),
    )
    @settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
    def check(
        line: str, headers: list[tuple[str, str, str]], body: bytes, length: bool, host: bool, more: bytes
    ) -> None:
        data = request(*map("".join, headers), body=body, line=line, length=length, host=host) + more
        if (whole := read(data)) is not None:
            (understood,) = by_aiohttp(data, loop)
            assert understood.method == "POST"
            assert (parse_path(understood.path), *understood[2:]) == (
                whole.endpoint,
                whole.sender,
                whole.body,
                whole.keeps_alive,
            )

    check()
