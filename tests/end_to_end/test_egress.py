"""The way out: through a proxy, and with credentials that are replaced while pushes are under way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
import pytest

from gateway.app import open_gateway
from gateway.model.clock import SystemClock
from gateway.model.errors import SettingsError
from gateway.model.secret import Secret
from gateway.providers.simulator import Rule, Simulator
from tests.end_to_end.running import ANDROID, IPHONE, Running, certificate, message, settings_of, start_gateway
from tests.proxy import ConnectProxy, connect_proxy


@pytest.fixture
async def proxy() -> AsyncIterator[ConnectProxy]:
    async with connect_proxy() as running:
        yield running


@pytest.fixture
async def behind_proxy(simulator: Simulator, proxy: ConnectProxy) -> AsyncIterator[Running]:
    """A gateway that reaches the outside by a proxy only, which wants a password."""
    proxy.authorization = "Basic dXNlcjpodXNo"
    settings = await asyncio.to_thread(settings_of, simulator)
    url = Secret(f"http://user:hush@127.0.0.1:{proxy.port}")
    providers = msgspec.structs.replace(settings.providers, proxy=url)
    async with AsyncExitStack() as cleanup:
        running = await start_gateway(simulator, cleanup, msgspec.structs.replace(settings, providers=providers))
        await running.register()
        yield running


async def test_apple_google_and_its_token_endpoint_are_reached_through_the_proxy(
    behind_proxy: Running, proxy: ConnectProxy
) -> None:
    assert (await behind_proxy.push("apn", message(IPHONE))).status == 200
    assert (await behind_proxy.push("gcm", message(ANDROID))).status == 200
    simulator = behind_proxy.simulator
    targets = [url.removeprefix("https://") for url in (simulator.apns_url, simulator.fcm_url, simulator.fcm_url)]
    assert sorted(head[0] for head in proxy.heads) == sorted(f"CONNECT {target} HTTP/1.1" for target in targets)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 407 Who?\r\n\r\n", "proxy_auth"),
        (b"HTTP/1.1 502 Bad\r\n\r\n", "proxy_refused"),
        (b"", "proxy_failed"),
    ],
)
async def test_a_proxy_that_fails_is_for_later_and_named_in_the_log(
    behind_proxy: Running, proxy: ConnectProxy, capsys: pytest.CaptureFixture[str], answer: bytes, reason: str
) -> None:
    proxy.answer = answer
    refused = await behind_proxy.push("apn", message(IPHONE))
    assert (refused.status, refused.code) == (503, "apns_unreachable")
    assert behind_proxy.simulator.received == []
    assert f"provider_words={reason}" in capsys.readouterr().out


async def test_a_proxy_that_cannot_be_one_stops_the_start(simulator: Simulator) -> None:
    settings = await asyncio.to_thread(settings_of, simulator)
    providers = msgspec.structs.replace(settings.providers, proxy=Secret("socks5://user:hush@proxy"))
    with pytest.raises(SettingsError, match=r"providers\.proxy \(else HTTPS_PROXY\): Expected a URL") as caught:
        async with open_gateway(msgspec.structs.replace(settings, providers=providers), SystemClock()):
            pass
    assert "hush" not in str(caught.value)


async def test_a_key_replaced_by_a_certificate_while_pushes_are_under_way(gateway: Running) -> None:
    """New connections use the new credentials, the old ones finish."""
    simulator = gateway.simulator
    simulator.set_rules([Rule(token_prefix="a" * 64, delay_ms=300)])
    before = asyncio.create_task(gateway.push("apn", message(IPHONE)))
    by_key = await simulator.next_received()
    await gateway.registry.replace_credentials("app", await asyncio.to_thread(certificate, simulator), None)
    await gateway.gateway.follower.check()
    assert (await gateway.push("apn", message("c" * 64))).status == 200
    by_certificate = simulator.received[-1]
    assert "authorization" in by_key.headers
    assert "authorization" not in by_certificate.headers
    assert (await before).status == 200
    metrics = (await gateway.get(f"{gateway.operator_url}/metrics")).body.decode()
    assert 'push_http2_requests_total{provider="apns"} 2.0' in metrics
