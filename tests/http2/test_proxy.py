"""Connections through an HTTP proxy."""

from collections.abc import AsyncIterator

import pytest

from gateway.http2 import Limits, NotSent, Pool, Proxy
from gateway.model.secret import Secret
from tests.clock import ManualClock
from tests.http2.conftest import MakePool, Send, until
from tests.http2.scripted import Server
from tests.proxy import ConnectProxy, connect_proxy


@pytest.fixture
async def proxy() -> AsyncIterator[ConnectProxy]:
    async with connect_proxy() as running:
        yield running


@pytest.fixture
def by(make_pool: MakePool, proxy: ConnectProxy) -> Pool:
    return make_pool(proxy=Proxy("127.0.0.1", proxy.port))


async def test_requests_go_through_the_proxy_to_the_host(
    server: Server, proxy: ConnectProxy, by: Pool, send: Send
) -> None:
    sending = send("/first", by=by)
    peer = await server.accepted()
    peer.answer((await peer.request()).stream)
    assert (await sending).status == 200
    target = f"127.0.0.1:{server.port}"
    assert proxy.heads == [[f"CONNECT {target} HTTP/1.1", f"Host: {target}"]]
    (connection,) = by.statistics().connections
    assert connection.address == f"127.0.0.1:{proxy.port}"


async def test_a_name_is_left_to_the_proxy_and_verified_as_the_host(
    named_server: Server, proxy: ConnectProxy, make_pool: MakePool, send: Send
) -> None:
    proxy.hosts = {"push.example.com:443": ("127.0.0.1", named_server.port)}
    by = make_pool(host="push.example.com", port=443, proxy=Proxy("127.0.0.1", proxy.port))
    sending = send(by=by)
    peer = await named_server.accepted()
    request = await peer.request()
    assert dict(request.headers)[":authority"] == "push.example.com"
    peer.answer(request.stream)
    assert (await sending).status == 200
    await by.aclose()


async def test_credentials_are_shown_to_the_proxy_alone(
    server: Server, proxy: ConnectProxy, make_pool: MakePool, send: Send
) -> None:
    proxy.authorization = "Basic dXNlcjpwQHNz"
    by = make_pool(proxy=Proxy("127.0.0.1", proxy.port, Secret("user:p@ss")))
    sending = send(by=by)
    peer = await server.accepted()
    request = await peer.request()
    assert not [name for name, _ in request.headers if "auth" in name.removeprefix(":authority")]
    peer.answer(request.stream)
    assert (await sending).status == 200


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n", "proxy_auth"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<html>", "proxy_refused"),
        (b"HTTP/1.0 403 Forbidden\r\n\r\n", "proxy_refused"),
        (b"", "proxy_failed"),
        (b"HTTP/1.1 200 OK\r\n", "proxy_failed"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "proxy_failed"),
        (b"220 mail.example.com ESMTP\r\n\r\n", "proxy_failed"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000, "proxy_failed"),
    ],
)
async def test_a_proxy_that_does_not_let_us_through_is_told_apart_and_the_next_request_gets_its_chance(
    server: Server, proxy: ConnectProxy, by: Pool, send: Send, clock: ManualClock, answer: bytes, reason: str
) -> None:
    proxy.answer = answer
    sending = [send(f"/{number}", by=by) for number in range(2)]
    for task in sending:
        with pytest.raises(NotSent) as caught:
            await task
        assert caught.value.reason == reason
    assert len(proxy.heads) == 1
    proxy.answer = None
    await clock.advance(1)
    later = send("/later", by=by)
    peer = await server.accepted()
    request = await peer.request()
    assert request.path == "/later"
    peer.answer(request.stream)
    assert (await later).status == 200


async def test_a_proxy_that_is_not_there(make_pool: MakePool, send: Send, closed_port: int) -> None:
    for host in ("127.0.0.1", "name.invalid", "x" * 64 + ".invalid"):
        with pytest.raises(NotSent) as caught:
            await send(by=make_pool(proxy=Proxy(host, closed_port)))
        assert caught.value.reason == "proxy_failed"


async def test_a_proxy_that_says_nothing_is_given_up_in_time(
    make_pool: MakePool, send: Send, clock: ManualClock, proxy: ConnectProxy
) -> None:
    proxy.is_silent = True
    sending = send(by=make_pool(Limits(connect_timeout=2), proxy=Proxy("127.0.0.1", proxy.port)))
    await until(lambda: bool(proxy.heads))
    await clock.advance(2)
    with pytest.raises(NotSent) as caught:
        await sending
    assert caught.value.reason == "connect_timeout"


async def test_closing_while_the_proxy_thinks(proxy: ConnectProxy, by: Pool, send: Send) -> None:
    proxy.is_silent = True
    sending = send(by=by)
    await until(lambda: bool(proxy.heads))
    await by.aclose()
    with pytest.raises(NotSent) as caught:
        await sending
    assert caught.value.reason == "closed"


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://proxy.example.com:3128", Proxy("proxy.example.com", 3128)),
        ("http://proxy.example.com/", Proxy("proxy.example.com", 80)),
        ("http://[2001:db8::1]:8080", Proxy("2001:db8::1", 8080)),
        ("http://us%65r:p%40ss%3Aword@proxy:1", Proxy("proxy", 1, Secret("user:p@ss:word"))),
        ("proxy.example.com:3128", Proxy("proxy.example.com", 3128)),
        ("user:pass@proxy", Proxy("proxy", 80, Secret("user:pass"))),
        ("http://user@proxy:1", Proxy("proxy", 1, Secret("user:"))),
    ],
)
def test_proxies_are_read_from_urls(url: str, proxy: Proxy) -> None:
    assert Proxy.parse(url) == proxy


@pytest.mark.parametrize(
    "url",
    ["https://user:hush@proxy", "socks5://hush@proxy", "http://", "http://hush@proxy/x", "http://h:x"],
)
def test_what_is_no_proxy_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="http://user:password@proxy") as caught:
        Proxy.parse(url)
    assert "hush" not in str(caught.value)


def test_a_password_does_not_show() -> None:
    assert "hush" not in repr(Proxy.parse("http://user:hush@proxy"))
