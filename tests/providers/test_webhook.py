"""Alarms on their way out: signed, over the trusted authorities and the proxy, and never a word of a secret."""

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from aiohttp import web

from gateway.http2 import Proxy
from gateway.model.clock import SystemClock
from gateway.model.errors import AlarmNotTaken
from gateway.model.secret import Secret
from gateway.providers.egress import Egress
from gateway.providers.webhook import SECONDS, HttpWebhook
from tests.clock import ManualClock
from tests.proxy import connect_proxy

BODY = b'{"alarm":"breaker_open"}'
SECRET = Secret("hush-alarm")
PATH = "/hooks/hush-path"


class Receiver:
    """Answers with `status`, while `gate` is open."""

    def __init__(self) -> None:
        self.port = 0
        self.status = 204
        self.headers: dict[str, str] = {}
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.arrived = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}{PATH}"

    async def handle(self, request: web.Request) -> web.Response:
        self.received.append((request.path, dict(request.headers), await request.read()))
        self.arrived.set()
        await self.gate.wait()
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture(scope="session")
def receiver_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.fixture
async def receiver(receiver_tls: ssl.SSLContext) -> AsyncIterator[Receiver]:
    receiver, app = Receiver(), web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=receiver_tls).start()
    receiver.port = runner.addresses[0][1]
    yield receiver
    await runner.cleanup()


@asynccontextmanager
async def webhook_to(
    url: str, egress: Egress, secret: Secret = SECRET, clock: Any = None
) -> AsyncIterator[HttpWebhook]:
    tls = await asyncio.to_thread(egress.own_tls)
    webhook = HttpWebhook(url, secret, tls, egress, clock or SystemClock())
    try:
        yield webhook
    finally:
        await webhook.aclose()


@pytest.fixture
async def webhook(receiver: Receiver, ca_file: str) -> AsyncIterator[HttpWebhook]:
    async with webhook_to(receiver.url, Egress(ca_file)) as webhook:
        yield webhook


async def test_a_body_is_posted_with_a_signature_that_its_receiver_can_check(
    receiver: Receiver, webhook: HttpWebhook
) -> None:
    await webhook.post(BODY)
    ((path, headers, body),) = receiver.received
    assert (path, body, headers["Content-Type"]) == (PATH, BODY, "application/json")
    expected = hmac.new(b"hush-alarm", body, hashlib.sha256).hexdigest()
    assert headers["Push-Gateway-Signature"] == f"sha256={expected}"


async def test_without_a_secret_there_is_no_signature(receiver: Receiver, ca_file: str) -> None:
    async with webhook_to(receiver.url, Egress(ca_file), Secret("")) as webhook:
        await webhook.post(BODY)
    assert "Push-Gateway-Signature" not in receiver.received[0][1]


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_any_answer_but_a_2xx_is_told_and_no_redirect_followed(
    receiver: Receiver, webhook: HttpWebhook, status: int
) -> None:
    receiver.status, receiver.headers = status, {"Location": "/elsewhere"}
    with pytest.raises(AlarmNotTaken, match=f"^alarms.webhook_url answered {status}$"):
        await webhook.post(BODY)
    assert len(receiver.received) == 1


async def test_nobody_waits_for_an_answer_for_long(receiver: Receiver, ca_file: str, clock: ManualClock) -> None:
    receiver.gate.clear()
    async with webhook_to(receiver.url, Egress(ca_file), clock=clock) as webhook:
        posting = asyncio.create_task(webhook.post(BODY))
        await receiver.arrived.wait()
        await clock.advance(SECONDS)
        with pytest.raises(AlarmNotTaken, match="has not answered in 10 seconds"):
            await posting
    receiver.gate.set()


async def test_an_address_where_nobody_is_is_told_without_a_word_of_it(nobody: str, ca_file: str) -> None:
    async with webhook_to(f"{nobody}{PATH}", Egress(ca_file)) as webhook:
        with pytest.raises(AlarmNotTaken) as told:
            await webhook.post(BODY)
    assert str(told.value) == "alarms.webhook_url cannot be reached: ClientConnectorError"
    assert told.value.__cause__ is None


async def test_a_stranger_with_the_address_is_not_told(receiver: Receiver) -> None:
    async with webhook_to(receiver.url, Egress()) as webhook:
        with pytest.raises(AlarmNotTaken, match="ClientConnectorCertificateError"):
            await webhook.post(BODY)
    assert receiver.received == []


async def test_the_proxy_lets_alarms_through_too(receiver: Receiver, ca_file: str) -> None:
    async with connect_proxy() as proxy:
        proxy.authorization = "Basic dXNlcjpodXNoLXByb3h5"
        way = Egress(ca_file, Proxy("127.0.0.1", proxy.port, Secret("user:hush-proxy")))
        async with webhook_to(receiver.url, way) as webhook:
            await webhook.post(BODY)
    assert proxy.heads[0][0].startswith(f"CONNECT 127.0.0.1:{receiver.port} ")
    assert len(receiver.received) == 1
