"""The official gateway as a host that gets a server's own request, and nothing is kept of it."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme

from gateway.http2 import Proxy
from gateway.model.clock import SystemClock
from gateway.model.notification import Platform
from gateway.model.reason import Reason
from gateway.model.secret import Secret
from gateway.model.verdict import Verdict, VerdictKind
from gateway.providers.egress import Egress
from gateway.providers.upstream import Upstream
from tests.clock import ManualClock
from tests.official import Official, official_gateway
from tests.proxy import connect_proxy

BODY = b'{"token": "t",  "options": {}}'
BEARER = Secret("cloud-token")


@pytest.fixture(scope="session")
def official_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.fixture
async def official(official_tls: ssl.SSLContext) -> AsyncIterator[Official]:
    async with official_gateway(official_tls) as running:
        yield running


@asynccontextmanager
async def upstream_to(url: str, egress: Egress, clock: Any = None) -> AsyncIterator[Upstream]:
    upstream = Upstream(url, await asyncio.to_thread(egress.own_tls), egress, clock or SystemClock())
    try:
        yield upstream
    finally:
        await upstream.aclose()


@pytest.fixture
async def upstream(official: Official, ca_file: str) -> AsyncIterator[Upstream]:
    async with upstream_to(official.url, Egress(ca_file)) as upstream:
        yield upstream


async def sent(upstream: Upstream, timeout: float = 10.0) -> Verdict:
    return await upstream.send(Platform.APN, BODY, BEARER, timeout)


async def test_a_request_looks_as_a_servers_own(official: Official, upstream: Upstream) -> None:
    assert await sent(upstream) == Verdict(VerdictKind.ACCEPTED, Reason.FORWARDED, 200)
    (got,) = official.received
    assert (got.path, got.body) == ("/push/apn/send", BODY)
    assert {name: got.headers[name] for name in ("Authorization", "Content-Type", "Content-Length", "Via")} == {
        "Authorization": "Bearer cloud-token",
        "Content-Type": "application/json",
        "Content-Length": str(len(BODY)),
        "Via": "1.1 push-gateway",
    }
    assert got.headers["User-Agent"].startswith("push-gateway/")
    assert set(got.headers) == {"Host", "User-Agent", "Authorization", "Content-Type", "Content-Length", "Via"}


async def test_each_platform_has_its_path_also_below_a_prefix(official: Official, ca_file: str) -> None:
    async with upstream_to(f"{official.url}/some/where/", Egress(ca_file)) as upstream:
        for platform in Platform:
            await upstream.send(platform, BODY, BEARER, 10.0)
    assert [got.path for got in official.received] == ["/some/where/push/apn/send", "/some/where/push/gcm/send"]


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (200, VerdictKind.ACCEPTED, Reason.FORWARDED),
        (204, VerdictKind.ACCEPTED, Reason.FORWARDED),
        (401, VerdictKind.CREDENTIALS_REFUSED, Reason.FORWARDED_UNAUTHORIZED),
        (406, VerdictKind.SUSPECT, Reason.FORWARDED_TOKEN_DEAD),
        (422, VerdictKind.REFUSED, Reason.FORWARDED_REJECTED),
        (400, VerdictKind.LATER, Reason.FORWARDED_LATER),
        (403, VerdictKind.LATER, Reason.FORWARDED_LATER),
        (500, VerdictKind.LATER, Reason.FORWARDED_LATER),
    ],
)
async def test_a_status_is_a_verdict(
    official: Official, upstream: Upstream, status: int, kind: VerdictKind, reason: Reason
) -> None:
    official.status = status
    assert await sent(upstream) == Verdict(kind, reason, status)


async def test_a_host_that_knows_http_2_as_well_is_spoken_to_in_http_1(official: Official, upstream: Upstream) -> None:
    await sent(upstream)
    assert official.protocols == {"http/1.1"}


async def test_what_it_asks_to_wait_is_heard(official: Official, upstream: Upstream) -> None:
    official.status, official.headers = 429, {"Retry-After": "90"}
    assert (await sent(upstream)).retry_after == 90.0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(official: Official, upstream: Upstream, status: int) -> None:
    official.status, official.headers = status, {"Location": f"{official.url}/elsewhere"}
    verdict = await sent(upstream)
    assert verdict == Verdict(VerdictKind.LATER, Reason.FORWARDING_FAILED, status, words="redirected")
    assert len(official.received) == 1


async def test_no_cookie_is_kept(official: Official, upstream: Upstream) -> None:
    official.headers = {"Set-Cookie": "session=1"}
    await sent(upstream)
    await sent(upstream)
    assert not any("Cookie" in got.headers for got in official.received)


async def test_connections_are_kept_for_the_next(official: Official, upstream: Upstream) -> None:
    for _ in range(3):
        await sent(upstream)
    assert len(official.connections) == 1


async def test_a_large_answer_is_not_read(official: Official, upstream: Upstream) -> None:
    official.body = bytes(64 * 1024 * 1024)
    assert (await sent(upstream)).kind is VerdictKind.ACCEPTED


async def test_a_deadline_is_kept(official: Official, ca_file: str, until: Callable[..., Any]) -> None:
    clock = ManualClock()
    official.gate.clear()
    async with upstream_to(official.url, Egress(ca_file), clock) as upstream:
        sending = asyncio.create_task(sent(upstream))
        await official.arrived()
        await clock.advance(9.9)
        assert not sending.done()
        await clock.advance(0.2)
        assert await sending == Verdict(VerdictKind.LATER, Reason.FORWARDING_FAILED, words="deadline")
    official.gate.set()


async def test_a_host_that_is_not_there_is_told(nobody: str, ca_file: str) -> None:
    async with upstream_to(nobody, Egress(ca_file)) as upstream:
        assert await sent(upstream) == Verdict(VerdictKind.LATER, Reason.FORWARDING_FAILED, words="connect_failed")


async def test_a_host_without_an_address_is_told(ca_file: str) -> None:
    async with upstream_to("https://nowhere.invalid", Egress(ca_file)) as upstream:
        assert (await sent(upstream)).words == "dns_failed"


async def test_a_certificate_of_somebody_else_gets_no_bearer(official: Official, tmp_path: Any) -> None:
    other = tmp_path / "other.pem"
    await asyncio.to_thread(trustme.CA().cert_pem.write_to_path, str(other))
    async with upstream_to(official.url, Egress(str(other))) as upstream:
        assert (await sent(upstream)).words == "tls_failed"
    assert official.received == []


async def test_a_host_that_hangs_up_is_told(official_tls: ssl.SSLContext, ca_file: str) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=official_tls)
    async with server, upstream_to(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", Egress(ca_file)) as there:
        assert (await sent(there)).words == "connection_lost"


async def test_the_proxy_never_sees_a_bearer(official: Official, ca_file: str) -> None:
    async with connect_proxy() as proxy:
        proxy.authorization = "Basic dXNlcjpodXNo"
        egress = Egress(ca_file, Proxy("127.0.0.1", proxy.port, Secret("user:hush")))
        async with upstream_to(official.url, egress) as upstream:
            assert (await sent(upstream)).kind is VerdictKind.ACCEPTED
        (head,) = proxy.heads
        assert head[0] == f"CONNECT 127.0.0.1:{official.port} HTTP/1.1"
        assert "cloud-token" not in "\n".join(head)
        assert "Proxy-Authorization" not in official.received[0].headers


@pytest.mark.parametrize(
    ("answer", "words"),
    [(b"HTTP/1.1 407 Who?\r\n\r\n", "proxy_auth"), (b"HTTP/1.1 502 Bad\r\n\r\n", "proxy_refused")],
)
async def test_a_proxy_that_lets_nobody_through_is_told(ca_file: str, answer: bytes, words: str) -> None:
    async with connect_proxy() as proxy:
        proxy.answer = answer
        egress = Egress(ca_file, Proxy("127.0.0.1", proxy.port))
        async with upstream_to("https://127.0.0.1:1", egress) as upstream:
            assert (await sent(upstream)).words == words


async def test_a_proxy_that_is_not_there_is_told(nobody: str, ca_file: str) -> None:
    egress = Egress(ca_file, Proxy.parse(nobody.removeprefix("https://")))
    async with upstream_to("https://127.0.0.1:1", egress) as upstream:
        assert (await sent(upstream)).words == "proxy_failed"


async def test_no_line_of_any_log_holds_a_bearer(
    official: Official, upstream: Upstream, nobody: str, ca_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await sent(upstream)
    async with upstream_to(nobody, Egress(ca_file)) as there:
        await sent(there)
    assert "cloud-token" not in caplog.text
