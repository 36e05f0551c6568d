"""The clients that the benchmark of HTTP/2 compares. Each run is a process of its own and prints one JSON document.

    python -m tests.bench.http2_clients '{"client": "ours", ...}'

All send the same pushes over one connection. The clients in Python run on uvloop; their pushes have ids of their own,
and are made before the clock starts. h2load repeats one push octet for octet, so that HPACK leaves next to nothing of
its headers, and is the floor.
"""

import asyncio
import logging
import re
import resource
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import aioapns.connection
import httpx
import msgspec
import uvloop
from aioapns.common import NotificationRequest, PushType
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.http2 import Limits, Request
from tests.bench.pushes import CONSTANT, HOST, MESSAGE, TOKENS, Target, push, varying

TIMEOUT = 20.0
"""Seconds for the whole of a run; what is under way then has failed."""
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}

Push = TypeVar("Push")


class Client(NamedTuple, Generic[Push]):
    """Makes a push to a token, as a client wants it, and sends it; `send` returns the status."""

    make: Callable[[str], Push]
    send: Callable[[Push], Awaitable[int]]


class Load(msgspec.Struct, frozen=True):
    """What a client is to do."""

    client: str
    in_flight: int
    requests: int
    target: Target


class Measured(msgspec.Struct):
    """What became of it. Seconds of the clock, and of the processor; failures by what they were."""

    answered: int
    seconds: float
    cpu: float
    failures: dict[str, int]


@asynccontextmanager
async def ours(target: Target) -> AsyncIterator[Client[Request]]:
    """Lend this gateway's client."""
    pool = target.pool(Limits(max_connections=1))

    async def send(request: Request) -> int:
        return (await pool.send(request, timeout=TIMEOUT)).status

    yield Client(push, send)
    await pool.aclose()


class PatientProtocol(aioapns.connection.APNsProductionClientProtocol):
    """Takes answers that are not Apple's, at no other cost: without an id, and with an empty body."""

    APNS_SERVER = HOST

    def on_response_received(self, headers: dict[bytes, bytes]) -> None:
        oldest = next(iter(self.requests), "")
        super().on_response_received({**headers, b"apns-id": oldest.encode()})

    def on_data_received(self, raw_data: bytes, stream_id: int) -> None:
        if raw_data:
            super().on_data_received(raw_data, stream_id)


@asynccontextmanager
async def aioapns_pool(target: Target) -> AsyncIterator[Client[NotificationRequest]]:
    """Lend aioapns' pool, with a key as its users have one."""
    logging.getLogger("aioapns").setLevel(logging.ERROR)  # it warns of each push that waits
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pool = aioapns.connection.APNsKeyConnectionPool(
        key.decode(), "ABCDE12345", "TEAM123456", CONSTANT["apns-topic"], max_connections=1, ssl_context=target.tls()
    )
    PatientProtocol.APNS_PORT = target.port
    pool.protocol_class = PatientProtocol

    def make(token: str) -> NotificationRequest:
        name = str(uuid.uuid4())
        return NotificationRequest(token, MESSAGE, name, 86_400, 10, name[:16], PushType.ALERT)

    async def send(notification: NotificationRequest) -> int:
        return int((await pool.send_notification(notification)).status)

    yield Client(make, send)
    pool.close()


@asynccontextmanager
async def httpx_client(target: Target) -> AsyncIterator[Client[httpx.Request]]:
    """Lend httpx."""
    one = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(http2=True, verify=target.tls(), limits=one, timeout=TIMEOUT) as client:

        def make(token: str) -> httpx.Request:
            url = f"https://{HOST}:{target.port}/3/device/{token}"
            return client.build_request("POST", url, headers=CONSTANT | varying(), json=MESSAGE)

        async def send(request: httpx.Request) -> int:
            return (await client.send(request)).status_code

        yield Client(make, send)


CLIENTS: dict[str, Callable[[Target], AbstractAsyncContextManager[Client[Any]]]] = {
    "ours": ours,
    "aioapns": aioapns_pool,
    "httpx": httpx_client,
}


async def drive(load: Load) -> Measured:
    """Keep `in_flight` pushes under way until all are answered, and note what it took."""
    became: Counter[str] = Counter()

    async def one_after_another() -> None:
        for one in pushes:
            try:
                became[str(await client.send(one))] += 1
            except Exception as error:
                became[type(error).__name__] += 1

    async with CLIENTS[load.client](load.target) as client:
        await client.send(client.make(TOKENS[0]))
        pushes = iter([client.make(TOKENS[number % len(TOKENS)]) for number in range(load.requests)])
        cpu, started = time.process_time(), time.perf_counter()
        senders = [asyncio.create_task(one_after_another()) for _ in range(load.in_flight)]
        _, unfinished = await asyncio.wait(senders, timeout=TIMEOUT)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        for sender in unfinished:
            sender.cancel()
    answered = became.pop("200", 0)
    if unfinished:
        became["unfinished"] = load.requests - answered - became.total()
    return Measured(answered, seconds, cpu, dict(became))


def h2load(load: Load) -> Measured:
    """Let h2load do the same."""
    folder = Path(load.target.authority).parent
    body, urls = folder / "body", folder / "urls"
    body.write_bytes(msgspec.json.encode(MESSAGE))
    urls.write_text("".join(f"https://{HOST}:{load.target.port}/3/device/{token}\n" for token in TOKENS))
    headers = [f"--header={name}: {value}" for name, value in (CONSTANT | varying()).items()]
    counts = (f"--requests={load.requests}", "--clients=1", f"--max-concurrent-streams={load.in_flight}")
    command = ("h2load", *counts, f"--data={body}", f"--input-file={urls}", *headers)
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT).stdout
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    number, unit = found(r"finished in ([\d.]+)(s|ms|us),", said)
    answered = int(found(r"status codes: (\d+) 2xx", said)[0])
    failed = load.requests - answered
    seconds, cpu = float(number) * UNITS[unit], used.ru_utime + used.ru_stime
    return Measured(answered, seconds, cpu, {"failed": failed} if failed else {})


def found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"h2load did not say {pattern!r}")
    return match.groups()


def main() -> None:
    """Run one client."""
    load = msgspec.json.decode(sys.argv[1], type=Load)
    measured = h2load(load) if load.client == "h2load" else uvloop.run(drive(load))
    sys.stdout.buffer.write(msgspec.json.encode(measured))


if __name__ == "__main__":
    main()
