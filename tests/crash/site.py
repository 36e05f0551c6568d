"""Gateways, a simulated Apple, a simulated Google, and a store: each a process that can be killed."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Literal

import aiohttp
import msgspec
from cryptography.fernet import Fernet

from gateway.app import open_store
from gateway.config import load_settings
from gateway.delivery.registry import Registry
from gateway.model.app import ApnsEnvironment
from gateway.model.clock import SystemClock
from gateway.model.outbox import OutboxItem
from gateway.providers.key_files import KeyFile, read_apns_key, read_fcm_service_account
from gateway.providers.simulator import Rule
from gateway.providers.simulator.identity import APNS_KEY_ID, APNS_TEAM_ID, APNS_TOPIC
from gateway.store.port import Store
from tests.crash.ledger import Incident
from tests.crash.load import Load
from tests.crash.mongo import MongoServer
from tests.crash.processes import Program
from tests.crash.provider import read_notes
from tests.crash.pushes import Provider, Push, Reception
from tests.servers.process import free_port

StoreKind = Literal["sqlite", "mongodb"]
PAUSE = 0.25
"""Seconds between two looks into the outbox."""


class ProviderSite:
    """One provider: a process of the simulator, of which the gateways know one door."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.apns_port, self.fcm_port, self._control_port = free_port(), free_port(), free_port()
        ports = [str(port) for port in (self.apns_port, self.fcm_port, self._control_port)]
        arguments = ["tests.crash.provider", str(folder), *ports]
        self.program = Program(folder / "output", arguments, f"{self._control}/healthz", {})

    @property
    def _control(self) -> str:
        return f"http://127.0.0.1:{self._control_port}"

    async def set_rules(self, *rules: Rule) -> None:
        """Replace the rules by which it answers."""
        async with aiohttp.ClientSession() as session:
            body = msgspec.json.encode(rules)
            async with session.put(f"{self._control}/rules", data=body, raise_for_status=True):
                pass


class Site:
    """Everything that runs; what is killed by `incident` is noted for the ledger."""

    def __init__(
        self,
        providers: Mapping[Provider, ProviderSite],
        gateways: Sequence[Program],
        doors: Sequence[str],
        secrets: Mapping[Provider, str],
        store: Store,
        mongo: MongoServer | None,
    ) -> None:
        self.providers = providers
        self.gateways = gateways
        self.mongo = mongo
        self.incidents: list[Incident] = []
        self._doors = doors
        self._secrets = secrets
        self._store = store

    def load(self, rates: Mapping[Provider, float]) -> Load:
        """Return a load of so many pushes a second to each provider."""
        return Load(self._doors, self._secrets, rates)

    @contextmanager
    def incident(self, what: str) -> Iterator[None]:
        """Note that something is away while the block runs."""
        begin = time.time()
        yield
        self.incidents.append(Incident(what, begin, time.time()))

    async def drained(self, patience: float) -> list[Push]:
        """Wait until the outbox is empty, `patience` seconds at the longest; return what it still holds."""
        end = time.monotonic() + patience
        while (await self._store.outbox.count()).total and time.monotonic() < end:  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(PAUSE)
        return [push async for push in self._held()]

    async def _held(self) -> AsyncIterator[Push]:
        after: str | None = None
        while items := await self._store.page(OutboxItem, after, 500):
            for item in items:
                yield Push.known_by(item.notification.payload.message_id)
            after = items[-1].id

    async def receptions(self) -> list[Reception]:
        """End the providers and return what they received."""
        await asyncio.gather(*(provider.program.stop() for provider in self.providers.values()))
        notes = [await asyncio.to_thread(read_notes, one.folder) for one in self.providers.values()]
        return [reception for received in notes for reception in received]


@asynccontextmanager
async def open_site(folder: Path, store: StoreKind, gateways: int = 1) -> AsyncIterator[Site]:
    """Start everything with two apps and two workspaces, each for one provider; kill what is left at the end."""
    async with AsyncExitStack() as cleanup:
        providers: dict[Provider, ProviderSite] = {name: ProviderSite(folder / name) for name in ("apns", "fcm")}
        for provider in providers.values():
            cleanup.push_async_callback(provider.program.kill)
        await asyncio.gather(*(provider.program.start() for provider in providers.values()))
        mongo = await cleanup.enter_async_context(MongoServer(folder / "mongo")) if store == "mongodb" else None
        env = _environment(folder, providers, mongo)
        opened = await cleanup.enter_async_context(open_store(load_settings(None, env)))
        secrets = await _register(Registry(opened.store, opened.vault, SystemClock()), providers)
        programs, doors = _gateways(folder, env, gateways)
        for program in programs:
            cleanup.push_async_callback(program.kill)
        await asyncio.gather(*(program.start() for program in programs))
        yield Site(providers, programs, doors, secrets, opened.store, mongo)


def _environment(folder: Path, providers: Mapping[Provider, ProviderSite], mongo: MongoServer | None) -> dict[str, str]:
    """Return the settings all gateways share; that one workspace may not fill the outbox is not the subject."""
    authorities = folder / "authorities.pem"
    authorities.write_text("".join((provider.folder / "ca.pem").read_text() for provider in providers.values()))
    settings = {
        "PROVIDERS__APNS_PRODUCTION_URL": f"https://127.0.0.1:{providers['apns'].apns_port}",
        "PROVIDERS__FCM_URL": f"https://127.0.0.1:{providers['fcm'].fcm_port}",
        "PROVIDERS__CA_FILE": str(authorities),
        "PROVIDERS__CANARY_EVERY": "0",
        "ENCRYPTION__KEYS": Fernet.generate_key().decode(),
        "ENCRYPTION__LOOKUP_KEY": "lookup",
        "STORE__URL": mongo.url if mongo else f"sqlite:///{folder}/gateway.db",
        "DELIVERY__OUTBOX_MAX_PER_WORKSPACE": "100000",
        "LOGGING__FORMAT": "json",
    }
    return {f"PUSH_GATEWAY_{name}": value for name, value in settings.items()}


async def _register(registry: Registry, providers: Mapping[Provider, ProviderSite]) -> dict[Provider, str]:
    """Add an app and a workspace for each provider; return the workspaces' secrets."""
    key = _key_file(providers["apns"].folder / f"AuthKey_{APNS_KEY_ID}.p8")
    account = _key_file(providers["fcm"].folder / "service-account.json")
    await registry.add_app(
        "apns", read_apns_key(key, APNS_KEY_ID, APNS_TEAM_ID, (APNS_TOPIC,), ApnsEnvironment.PRODUCTION), None
    )
    await registry.add_app("fcm", None, read_fcm_service_account(account))
    return {name: (await registry.add_workspace(name, (name,))).secret.reveal() for name in providers}


def _key_file(path: Path) -> KeyFile:
    return KeyFile(path.name, path.read_bytes())


def _gateways(folder: Path, env: Mapping[str, str], count: int) -> tuple[list[Program], list[str]]:
    programs, doors = [], []
    for number in range(count):
        public, operator = (f"127.0.0.1:{free_port()}" for _ in range(2))
        arguments = ["gateway", "serve", "--listen", public, "--operator-listen", operator]
        programs.append(Program(folder / f"gateway-{number}", arguments, f"http://{operator}/readyz", env))
        doors.append(f"http://{public}")
    return programs, doors
