"""A gateway that runs in the test's own event loop, and a server that sends to it."""

import asyncio
import io
import json
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest

from gateway.app import Doors, Gateway, open_doors, open_gateway, working_off
from gateway.config import DeliverySettings, ServerSettings, Settings, load_settings
from gateway.delivery.registry import Issued, Registry
from gateway.model.address import HostPort
from gateway.model.app import ApnsCredentials, ApnsEnvironment, FcmCredentials
from gateway.model.clock import Clock, SystemClock
from gateway.providers.key_files import KeyFile, read_apns_certificate, read_apns_key, read_fcm_service_account
from gateway.providers.simulator import Simulator
from tests.clock import ManualClock

BOTH_WAYS = pytest.mark.parametrize("gateway", ["express", "aiohttp"], indirect=True)
"""Has tests push through the express lane and past it."""
TOPIC = "chat.rocket.ios"
IPHONE, PUSHKIT, ANDROID = "a" * 64, "b" * 64, "fcmtok:APA91bEXAMPLE_TOKEN"


class Answer(NamedTuple):
    """What the server got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return self.headers["Gateway-Outcome"]

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body)


class Running:
    """A running gateway as a test sees it."""

    def __init__(self, gateway: Gateway, doors: Doors, simulator: Simulator, session: aiohttp.ClientSession) -> None:
        self.gateway = gateway
        self.doors = doors
        self.simulator = simulator
        self.session = session
        self.registry = Registry(gateway.store, gateway.vault, gateway.clock)
        self.secret = ""
        self.waits_for_leave = False
        """Whether a body comes only when the gateway says so, which is nothing for its express lane."""

    @property
    def url(self) -> str:
        return f"http://{self.doors.public.address}"

    @property
    def operator_url(self) -> str:
        return f"http://{self.doors.operator.address}"

    async def register(self, **workspace: Any) -> Issued:
        """Add the app with both credentials, and a workspace that may send to it."""
        apns, fcm = await asyncio.to_thread(credentials, self.simulator)
        await self.registry.add_app("app", apns, fcm)
        issued = await self.registry.add_workspace("workspace", ("app",), **workspace)
        await self.gateway.follower.check()
        self.secret = issued.secret.reveal()
        return issued

    async def push(self, platform: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
        """Send as a Rocket.Chat server does."""
        return await self.post(f"/w/{self.secret}/push/{platform}/send", body, headers)

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json", "Authorization": "Bearer ", **(headers or {})}
        async with self.session.post(
            f"{self.url}{path}", data=io.BytesIO(content), headers=given, expect100=self.waits_for_leave
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def get(self, url: str) -> Answer:
        async with self.session.get(url) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def prove(self) -> None:
        """Deliver one push by each provider, so that the credentials are known to be good."""
        for platform, token in (("apn", IPHONE), ("gcm", ANDROID)):
            assert (await self.push(platform, message(token))).status == 200
        self.simulator.clear()


def message(token: str, **options: Any) -> dict[str, Any]:
    """The body of an ordinary message's push."""
    payload = {"host": "https://chat.example.org/", "messageId": "m1", "notificationType": "message", "rid": "GENERAL"}
    given = {"uniqueId": "UNIQUEID", "from": "push", "topic": TOPIC, "title": "#general", "text": "alice: Hello"}
    return {"token": token, "options": {**given, "notId": 7, "payload": payload, **options}}


def credentials(simulator: Simulator, *, environment: str = "production") -> tuple[ApnsCredentials, FcmCredentials]:
    """Read the simulator's key files; blocking."""
    files = {name: KeyFile(name, (simulator.data / name).read_bytes()) for name in _KEY_FILES}
    apns = read_apns_key(files[_KEY_FILES[0]], "SIMKEY0001", "SIMTEAM001", (TOPIC,), ApnsEnvironment(environment))
    return apns, read_fcm_service_account(files[_KEY_FILES[1]])


def certificate(simulator: Simulator) -> ApnsCredentials:
    """Read the simulator's APNs certificate; blocking."""
    file = KeyFile("certificate", (simulator.data / "apns-certificate.pem").read_bytes())
    return read_apns_certificate(file, (), ApnsEnvironment.PRODUCTION, time.time())


_KEY_FILES = ("AuthKey_SIMKEY0001.p8", "service-account.json")


KEEPING_NOTHING = DeliverySettings(outbox_max=0)
"""Lets what a provider could not take be answered as it said."""


def settings_of(simulator: Simulator, delivery: DeliverySettings = KEEPING_NOTHING, **server: Any) -> Settings:
    """Return settings that point at the simulator, with doors on free ports."""
    anywhere = HostPort("127.0.0.1", 0)
    doors = ServerSettings(**{"listen": anywhere, "operator_listen": anywhere, "drain_timeout": 2.0, **server})
    return msgspec.structs.replace(load_settings(simulator.data / "gateway.toml", {}), server=doors, delivery=delivery)


CLOSING_SECONDS = 5.0
"""In which a gateway is closed whose test did not fail."""


class Flow:
    """Lets time flow when closing takes too long: what a failed test left waiting on a clock turned by hand ends."""

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock
        self._watching: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if isinstance(self._clock, ManualClock):
            self._watching = asyncio.create_task(self._flow(self._clock))

    async def end(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])

    @staticmethod
    async def _flow(clock: ManualClock) -> None:
        await asyncio.sleep(CLOSING_SECONDS)
        while True:
            await clock.advance(0.5)


async def start_gateway(
    simulator: Simulator,
    cleanup: AsyncExitStack,
    settings: Settings | None = None,
    clock: Clock | None = None,
    works_off: bool = True,
) -> Running:
    """Start a gateway whose snapshot is loaded; it is stopped by `cleanup`.

    Where days pass by a clock that is turned by hand, it need not look after stored pushes every second of them.
    """
    settings = settings or await asyncio.to_thread(settings_of, simulator)
    flow = Flow(clock)
    cleanup.push_async_callback(flow.end)
    gateway = await cleanup.enter_async_context(open_gateway(settings, clock or SystemClock()))
    await gateway.follower.check()
    if works_off:
        await cleanup.enter_async_context(working_off(gateway, settings.server.drain_timeout))
    doors = await cleanup.enter_async_context(open_doors(gateway, settings))
    session = await cleanup.enter_async_context(
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20), auto_decompress=False)
    )
    cleanup.callback(flow.begin)
    return Running(gateway, doors, simulator, session)
