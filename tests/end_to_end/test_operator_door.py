"""What the operator sees: health, readiness, metrics, the overview."""

import asyncio
import re
from contextlib import AsyncExitStack

import aiohttp
import pytest

from gateway.app import open_doors, open_gateway
from gateway.model.clock import SystemClock
from gateway.providers.simulator import Rule, Simulator
from tests.end_to_end.running import ANDROID, IPHONE, Running, certificate, message, settings_of, start_gateway


@pytest.mark.parametrize("door", ["url", "operator_url"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_both_doors_tell_their_health(gateway: Running, door: str, path: str) -> None:
    answer = await gateway.get(getattr(gateway, door) + path)
    assert answer.status == 200
    assert answer.document == {"status": "ok"}


async def test_before_the_first_snapshot_pushes_wait(simulator: Simulator) -> None:
    settings = await asyncio.to_thread(settings_of, simulator)
    async with (
        open_gateway(settings, SystemClock()) as gateway,
        open_doors(gateway, settings) as doors,
        aiohttp.ClientSession() as session,
    ):
        running = Running(gateway, doors, simulator, session)
        ready = await running.get(f"{running.url}/readyz")
        assert (ready.status, set(ready.document["lacks"])) == (503, {"snapshot"})
        answer = await running.post("/w/any/push/gcm/send", message(ANDROID))
        assert (answer.status, answer.code) == (503, "starting")
        assert b"Not ready" in (await running.get(f"{running.operator_url}/")).body


async def test_metrics_count_and_time_every_push(gateway: Running) -> None:
    await gateway.push("apn", message(IPHONE))
    gateway.simulator.set_rules([Rule(status=404, platform="fcm")])
    await gateway.push("gcm", message(ANDROID))
    await gateway.post("/w/wrong/push/gcm/send", message(ANDROID))
    answer = await gateway.get(f"{gateway.operator_url}/metrics")
    text = answer.body.decode()
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    for line in (
        'push_requests_total{app="app",outcome="delivered",platform="apn",reason="delivered"} 1.0',
        'push_requests_total{app="app",outcome="token_dead",platform="gcm",reason="fcm_unregistered"} 1.0',
        'push_requests_total{app="none",outcome="unauthorized",platform="gcm",reason="workspace_unknown"} 1.0',
        'push_request_seconds_count{platform="gcm"} 2.0',
        'push_provider_request_seconds_count{provider="apns"} 1.0',
        'push_inflight{provider="apns"} 0.0',
        'push_connections{provider="apns",state="idle"} 1.0',
    ):
        assert line in text
    assert re.search(r'push_gateway_build_info\{.*version="\d', text)


async def test_the_overview_names_apps_and_workspaces(gateway: Running) -> None:
    answer = await gateway.get(f"{gateway.operator_url}/")
    page = answer.body.decode()
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    for words in ("Ready: 1 app,", "chat.rocket.ios (production)", "sim-project", "workspace", "active"):
        assert words in page
    style = await gateway.get(f"{gateway.operator_url}/style.css")
    assert style.headers["Content-Type"].startswith("text/css")


async def test_an_empty_gateway_says_what_to_do_first(simulator: Simulator) -> None:
    async with AsyncExitStack() as cleanup:
        gateway = await start_gateway(simulator, cleanup)
        page = (await gateway.get(f"{gateway.operator_url}/")).body.decode()
        assert "push-gateway app add" in page
        assert "push-gateway workspace add" in page


async def test_the_public_door_shows_nothing_but_what_it_is(gateway: Running) -> None:
    page = (await gateway.get(f"{gateway.url}/")).body.decode()
    assert "private push gateway" in page
    assert "workspace" not in page.lower()
    assert (await gateway.get(f"{gateway.url}/metrics")).status == 404


async def test_a_certificates_end_is_a_metric(gateway: Running) -> None:
    await gateway.registry.replace_credentials("app", await asyncio.to_thread(certificate, gateway.simulator), None)
    await gateway.gateway.follower.check()
    assert (await gateway.push("apn", message(IPHONE))).status == 200
    assert "authorization" not in gateway.simulator.received[0].headers
    metrics = (await gateway.get(f"{gateway.operator_url}/metrics")).body.decode()
    assert 'push_credential_expiry_timestamp_seconds{app="app",kind="apns_certificate"}' in metrics
