"""Bodies of every kind: a clean answer, never a 500, never a hang, never a reset."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.model.clock import SystemClock
from gateway.providers.simulator import Simulator
from tests.anywhere import ANYWHERE
from tests.clock import ManualClock
from tests.end_to_end.running import ANDROID, BOTH_WAYS, IPHONE, Answer, Running, message, start_gateway

DOCUMENTED = {200, 401, 406, 408, 422, 429, 503}
FINE = json.dumps(message(ANDROID)).encode()


@BOTH_WAYS
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"not json", "invalid_json"),
        (b"[]", "invalid_request"),
        (b'"text"', "invalid_request"),
        (b'{"token": NaN}', "invalid_json"),
        (b'{"token":"t","token":"t"}', "invalid_json"),
        (b'{"token":"t","options":{"uniqueId":"w","text":"\\ud800 lone"}}', "invalid_json"),
        (b"\xff\xfe{}", "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "invalid_json"),
        (b'{"token":5,"options":{}}', "invalid_request"),
        (b'{"options":{"uniqueId":"w"}}', "invalid_request"),
        (b'{"token":"a b","options":{"uniqueId":"w"}}', "token_malformed"),
        (b'{"token":"t","options":{}}', "unique_id_missing"),
        (b'{"token":"t","options":{"uniqueId":"w","x":"' + b"x" * 128 * 1024 + b'"}}', "body_too_large"),
        (b"x" * 3_000_000, "body_too_large"),
    ],
)
async def test_a_body_that_is_no_push_is_a_clean_422(gateway: Running, body: bytes, code: str) -> None:
    answer = await gateway.push("gcm", body)
    assert (answer.status, answer.code) == (422, code)
    assert answer.document["status"] == 422
    assert answer.document["code"] == code
    assert answer.document["requestId"] == answer.headers["X-Request-Id"]
    assert int(answer.headers["Content-Length"]) == len(answer.body)


async def test_a_stranger_with_a_large_body_gets_an_answer_not_a_reset(gateway: Running) -> None:
    answer = await gateway.post("/w/wrong/push/gcm/send", b"x" * 3_000_000)
    assert (answer.status, answer.code) == (401, "workspace_unknown")


async def test_a_body_without_end_is_cut_off(gateway: Running) -> None:
    head = _head(gateway, "Content-Length: 1000000000")
    answer = await _raw(gateway, head, b"x" * 20_000_000)
    assert b" 422 " in answer
    assert b"body_too_large" in answer


@BOTH_WAYS
async def test_a_compressed_body_is_read(gateway: Running) -> None:
    assert (await gateway.push("gcm", gzip.compress(FINE), {"Content-Encoding": "gzip"})).status == 200


@BOTH_WAYS
async def test_a_compressed_bomb_is_too_large(gateway: Running) -> None:
    bomb = gzip.compress(b"x" * 50_000_000)
    answer = await gateway.push("gcm", bomb, {"Content-Encoding": "gzip"})
    assert answer.status == 422


@BOTH_WAYS
async def test_what_is_not_really_compressed_is_a_clean_422(gateway: Running) -> None:
    answer = await gateway.push("gcm", FINE, {"Content-Encoding": "gzip"})
    assert answer.status == 422


async def test_a_chunked_body_is_read(gateway: Running) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (FINE[:10], FINE[10:])) + b"0\r\n\r\n"
    assert b" 200 " in await _raw(gateway, _head(gateway, "Transfer-Encoding: chunked"), chunks)


async def test_a_client_that_asks_first_may_go_on(gateway: Running) -> None:
    head = _head(gateway, f"Content-Length: {len(FINE)}\r\nExpect: 100-continue")
    assert b" 200 " in await _raw(gateway, head, FINE)


async def test_a_body_cut_short_is_counted_and_harms_nobody(gateway: Running) -> None:
    reader, writer = await _connect(gateway)
    writer.write(_head(gateway, "Content-Length: 1000") + b"{")
    writer.write_eof()
    await reader.read()
    writer.close()
    assert (await gateway.push("gcm", FINE)).status == 200


async def test_a_body_that_takes_too_long_is_408(simulator: Simulator, clock: ManualClock) -> None:
    async with AsyncExitStack() as cleanup:
        gateway = await start_gateway(simulator, cleanup, clock=clock)
        await gateway.register()
        connected = asyncio.create_task(clock.next_timer())
        reader, writer = await _connect(gateway)
        await connected
        reading = asyncio.create_task(clock.next_timer())
        writer.write(_head(gateway, f"Content-Length: {len(FINE)}") + FINE[:10])
        await reading
        await clock.advance(10)
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"body_too_slow" in answer


async def test_a_connection_that_says_nothing_is_closed(simulator: Simulator, clock: ManualClock) -> None:
    async with AsyncExitStack() as cleanup:
        gateway = await start_gateway(simulator, cleanup, clock=clock)
        waiting = asyncio.create_task(clock.next_timer())
        reader, writer = await _connect(gateway)
        writer.write(b"POST /push/apn/send HTTP/1.1\r\nHost: gate")
        await waiting
        await clock.advance(10)
        assert await reader.read() == b""
        writer.close()


async def test_octets_that_are_no_text_are_a_secret_nobody_has(gateway: Running) -> None:
    head = _head(gateway, f"Content-Length: {len(FINE)}", "Authorization: Bearer X").replace(
        b"Bearer X", b"Bearer \xff"
    )
    answer = await _raw(gateway, head.replace(f"/w/{gateway.secret}".encode(), b""), FINE)
    assert b" 401 " in answer


async def test_two_pushes_on_one_connection_are_answered_in_order(gateway: Running) -> None:
    head = _head(gateway, f"Content-Length: {len(FINE)}", close=False)
    bad = _head(gateway, "Content-Length: 2") + b"{}"
    answer = await _raw(gateway, head + FINE, bad)
    assert answer.index(b" 200 ") < answer.index(b" 422 ")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/w/s/push/apn/send", 405, "method_not_allowed"),
        ("PUT", "/push/gcm/send", 405, "method_not_allowed"),
        ("POST", "/", 404, "not_found"),
        ("POST", "/push/mpns/send", 404, "not_found"),
        ("GET", "/nothing", 404, "not_found"),
    ],
)
async def test_other_methods_and_paths_are_told_apart(
    gateway: Running, method: str, path: str, status: int, code: str
) -> None:
    async with gateway.session.request(method, gateway.url + path) as answer:
        assert answer.status == status
        assert (await answer.json())["code"] == answer.headers["Gateway-Outcome"] == code


@BOTH_WAYS
async def test_an_oversized_push_goes_as_message_id_only(gateway: Running) -> None:
    for platform, token in (("apn", IPHONE), ("gcm", ANDROID)):
        body = message(token)
        body["options"]["payload"]["msg"] = "x" * 5000
        assert (await gateway.push(platform, body)).status == 200
    apple, google = gateway.simulator.received
    wanted = {"host": "https://chat.example.org/", "messageId": "m1", "notificationType": "message-id-only"}
    assert json.loads(apple.payload["ejson"]) == json.loads(google.payload["data"]["ejson"]) == wanted
    assert apple.payload["aps"]["alert"] == google.payload["data"]["message"] == "You have a new message"
    assert apple.payload["aps"]["thread-id"] == google.payload["data"]["notId"] == "7"


@BOTH_WAYS
@pytest.mark.parametrize(("platform", "token"), [("apn", IPHONE), ("gcm", ANDROID)])
async def test_what_cannot_be_made_to_fit_is_refused(gateway: Running, platform: str, token: str) -> None:
    body = message(token)
    body["options"]["payload"] = {"msg": "x" * 5000}
    answer = await gateway.push(platform, body)
    assert (answer.status, answer.code) == (422, "payload_too_large")
    assert gateway.simulator.received == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
FIELDS = ("uniqueId", "createdAt", "topic", "from", "title", "text", "payload", "badge", "sound", "notId", "apn", "gcm")
PUSHES = st.fixed_dictionaries(
    {"token": st.sampled_from([ANDROID, IPHONE]) | JSON},
    optional={"options": st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8) | JSON, "more": JSON},
)


class Bridge:
    """Lets hypothesis, which is not asynchronous, push through a gateway on a loop of its own."""

    def __init__(self, runner: asyncio.Runner, gateway: Running) -> None:
        self._runner = runner
        self._gateway = gateway

    def push(self, platform: str, body: bytes) -> Answer:
        return self._runner.run(self._gateway.push(platform, body))


@pytest.fixture
def bridge(data: Path) -> Iterator[Bridge]:
    async def start(cleanup: AsyncExitStack) -> Running:
        simulator = await cleanup.enter_async_context(Simulator(data, ANYWHERE, SystemClock()))
        gateway = await start_gateway(simulator, cleanup)
        await gateway.register()
        return gateway

    with asyncio.Runner() as runner:
        cleanup = AsyncExitStack()
        yield Bridge(runner, runner.run(start(cleanup)))
        runner.run(cleanup.aclose())


def test_any_json_gets_a_documented_answer(bridge: Bridge) -> None:
    @given(body=JSON | PUSHES, platform=st.sampled_from(["apn", "gcm"]), named=st.booleans())
    @settings(max_examples=200, deadline=1000, suppress_health_check=list(HealthCheck))
    def check(body: object, platform: str, named: bool) -> None:
        if named and isinstance(body, dict) and isinstance(body.get("options"), dict):
            body["options"] |= {"uniqueId": "w", "topic": "chat.rocket.ios"}
        answer = bridge.push(platform, json.dumps(body).encode())
        assert answer.status in DOCUMENTED
        assert int(answer.headers["Content-Length"]) == len(answer.body)
        assert answer.headers["Gateway-Outcome"]
        assert answer.status == 200 or answer.document["status"] == answer.status

    check()


def _head(gateway: Running, *headers: str, close: bool = True) -> bytes:
    lines = [
        f"POST /w/{gateway.secret}/push/gcm/send HTTP/1.1",
        "Host: gateway",
        "Content-Type: application/json",
        *headers,
        *(["Connection: close"] if close else []),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def _connect(gateway: Running) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = gateway.doors.public.address
    return await asyncio.open_connection(address.host, address.port)


async def _raw(gateway: Running, head: bytes, body: bytes) -> bytes:
    """Send bytes as they are and read until the gateway closes."""
    reader, writer = await _connect(gateway)
    writer.write(head)
    writer.write(body)
    answer = await reader.read()
    writer.close()
    return answer
