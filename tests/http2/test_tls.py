"""What can go wrong before the first frame."""

import asyncio
import datetime
import ssl

import pytest
import trustme

from gateway.http2 import Limits, NotSent, Pool
from gateway.http2.connection import Connection
from tests.clock import ManualClock
from tests.http2.conftest import MakePool, Send, server_context
from tests.http2.scripted import scripted


@pytest.fixture(scope="session")
def contexts(authority: trustme.CA) -> dict[str, ssl.SSLContext]:
    """Servers that no request should go to."""
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    ours = authority.issue_cert("127.0.0.1")
    mutual = server_context(ours, ["h2"])
    authority.configure_trust(mutual)
    mutual.verify_mode = ssl.CERT_REQUIRED
    return {
        "expired": server_context(authority.issue_cert("127.0.0.1", not_before=past, not_after=past), ["h2"]),
        "of an unknown authority": server_context(trustme.CA().issue_cert("127.0.0.1"), ["h2"]),
        "of another name": server_context(authority.issue_cert("example.org"), ["h2"]),
        "that wants a client certificate": mutual,
        "of HTTP/1.1": server_context(ours, ["http/1.1"]),
        "without ALPN": server_context(ours, []),
    }


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("expired", "tls_failed"),
        ("of an unknown authority", "tls_failed"),
        ("of another name", "tls_failed"),
        ("that wants a client certificate", "connection_lost"),
        ("of HTTP/1.1", "no_h2"),
        ("without ALPN", "no_h2"),
    ],
)
async def test_a_peer_that_does_not_suit_gets_no_request(
    contexts: dict[str, ssl.SSLContext],
    make_pool: MakePool,
    send: Send,
    clock: ManualClock,
    kind: str,
    reason: str,
) -> None:
    async with scripted(contexts[kind]) as server:
        by = make_pool(port=server.port)
        with pytest.raises(NotSent) as caught:
            await send(by=by)
        assert caught.value.reason == reason
        await clock.advance(1)
        with pytest.raises(NotSent) as caught:
            await send(by=by)
        assert caught.value.reason == reason
        await by.aclose()


async def test_a_peer_that_does_not_speak_tls(make_pool: MakePool, send: Send) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        writer.close()

    listening = await asyncio.start_server(greet, "127.0.0.1", 0)
    by = make_pool(port=listening.sockets[0].getsockname()[1])
    with pytest.raises(NotSent) as caught:
        await send(by=by)
    assert caught.value.reason == "tls_failed"
    listening.close()
    await listening.wait_closed()


async def test_a_client_certificate_refused_behind_the_handshake(pool: Pool) -> None:
    connection = Connection(pool, "host", ManualClock(), Limits(), 1)
    connection.connection_lost(ssl.SSLError("certificate unknown"))
    assert connection.ended_by == "tls_failed"
