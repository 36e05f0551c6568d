"""Nothing of what people write, and nothing that opens doors, is ever seen in logs, metrics, errors or reprs."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.model.notification import Platform
from gateway.observability.logging import configure_logging
from gateway.providers.simulator import Rule, Simulator
from gateway.rocketchat.request import read_request
from tests.end_to_end.running import TOPIC, Running, settings_of, start_gateway

TEXT, TITLE, BEARER, SENDER, HOST = "MARKtext", "MARKtitle", "MARKbearer", "MARKsender", "https://MARKhost/"
APPLE, GOOGLE = "beefbeef" * 8, "MARKtoken:APA91b"
MARKS = ("MARK", "beefbeef")


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All log lines, as serve writes them, at the most talkative level."""
    stream = io.StringIO()
    before = logging.getLogger().handlers[:]
    configure_logging("debug", "json", stream)
    yield stream
    logging.getLogger().handlers[:] = before


def samples() -> list[tuple[str, Any]]:
    """Every kind of push, and every kind of nonsense, with marks in all that is private."""
    payload = {"host": HOST, "messageId": "MARKid", "notificationType": "message", "senderName": SENDER, "msg": TEXT}
    ring = {**payload, "notificationType": "voip", "type": "incoming_call", "createdAt": datetime.now(UTC).isoformat()}
    options = {"uniqueId": "MARKunique", "topic": TOPIC, "title": TITLE, "text": TEXT, "payload": payload}
    return [
        ("apn", {"token": APPLE, "options": options}),
        ("gcm", {"token": GOOGLE, "options": options}),
        ("apn", {"token": APPLE, "options": {**options, "topic": f"{TOPIC}.voip", "payload": ring}}),
        ("gcm", {"token": GOOGLE, "options": {**options, "payload": ring}}),
        (
            "gcm",
            {"token": GOOGLE, "options": {**options, "payload": {**payload, "notificationType": "message-id-only"}}},
        ),
        ("gcm", {"token": GOOGLE, "options": {**options, "payload": {**payload, "more": TEXT * 2000}}}),
        ("gcm", {"token": GOOGLE, "options": {"uniqueId": "MARKunique", "title": TITLE, "text": TEXT}}),
        ("apn", {"token": f"{APPLE} {TEXT}", "options": options}),
        ("gcm", {"token": GOOGLE, "options": {**options, "badge": TEXT}}),
        ("gcm", {"token": GOOGLE, "options": {**options, "uniqueId": ""}}),
        ("apn", {"token": APPLE, "options": {**options, "topic": "MARKtopic"}}),
        ("gcm", {"token": GOOGLE, "options": {**options, "title": [TITLE]}}),
    ]


RULES = [
    [],
    [Rule(status=410)],
    [Rule(status=400)],
    [Rule(status=403, times=12)],
    [Rule(status=503, times=12)],
]
"""A ring is tried again as long as its server waits, so what is no verdict for good ends some time."""


async def test_no_private_word_leaves_the_gateway(gateway: Running, logged: io.StringIO) -> None:
    bodies = []
    for rules in RULES:
        gateway.simulator.set_rules(rules)
        for platform, body in samples():
            answer = await gateway.push(platform, body, {"Authorization": f"Bearer {BEARER}"})
            bodies.append(answer.body.decode() + json.dumps(dict(answer.headers)))
    for path in ("/w/MARKsecret/push/apn/send", "/push/gcm/send", "/MARKpath"):
        answer = await gateway.post(path, b'{"MARK', {"Authorization": f"Bearer {BEARER}"})
        bodies.append(answer.body.decode() + json.dumps(dict(answer.headers)))
    bodies.append((await malformed(gateway)).decode("latin1"))
    metrics = (await gateway.get(f"{gateway.operator_url}/metrics")).body.decode()
    lines = logged.getvalue()
    assert lines.count('"event":"push"') > len(RULES) * len(samples())
    for place, text in (("log", lines), ("metrics", metrics), ("answers", "\n".join(bodies))):
        for mark in (*MARKS, gateway.secret):
            assert mark not in text, f"{mark} in {place}"


async def test_no_private_word_lies_in_the_store(simulator: Simulator) -> None:
    settings = await asyncio.to_thread(settings_of, simulator)
    async with AsyncExitStack() as cleanup:
        gateway = await start_gateway(simulator, cleanup, settings)
        await gateway.register()
        for rules in RULES:
            simulator.set_rules(rules)
            for platform, body in samples():
                await gateway.push(platform, body, {"Authorization": f"Bearer {BEARER}"})
    store = Path(settings.store.url.path or "")
    written = await asyncio.to_thread(
        lambda: b"".join(file.read_bytes() for file in store.parent.glob(f"{store.name}*"))
    )
    assert written.count(b"apns_unregistered") > 1, "the log is not there"
    for mark in (*MARKS, gateway.secret):
        assert mark.encode() not in written


async def malformed(gateway: Running) -> bytes:
    """Send HTTP that cannot be read, with private words in it."""
    address = gateway.doors.public.address
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(f"POST /w/{gateway.secret}/push HTTP/9.9 MARK\r\nMARK header\r\nX: \0MARK\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_push_is_one_line_with_all_that_helps(gateway: Running, logged: io.StringIO) -> None:
    await gateway.push("apn", samples()[0][1])
    (line,) = [json.loads(line) for line in logged.getvalue().splitlines() if '"event":"push"' in line]
    assert line["workspace"] == "workspace"
    assert (line["app"], line["platform"], line["kind"]) == ("app", "apn", "message")
    assert (line["outcome"], line["reason"], line["provider_status"]) == ("delivered", "delivered", 200)
    assert line["level"] == "info"
    assert len(line["device"]) == 12
    assert line["ms"] >= 0
    assert len(line["request_id"]) == 36


async def test_a_fault_of_ours_is_503_and_logged_without_words(gateway: Running, logged: io.StringIO) -> None:
    await gateway.gateway.providers.aclose()
    gateway.gateway.follower.snapshot = object()  # type: ignore[assignment] - a fault that only a bug could make
    answer = await gateway.push("apn", samples()[0][1])
    assert (answer.status, answer.code) == (503, "internal_error")
    (line,) = [json.loads(line) for line in logged.getvalue().splitlines() if "push_failed" in line]
    assert line["exception"].startswith("AttributeError > ")
    assert line["request_id"] == answer.headers["X-Request-Id"]


def test_reprs_hide_what_they_hold() -> None:
    for platform, body in samples():
        text = repr(read_request(json.dumps(body).encode(), Platform(platform), "id", 1.8e9))
        assert not any(mark in text for mark in MARKS), text
