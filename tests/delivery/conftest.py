"""A store, the providers and a follower, all real; no provider can be reached."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from gateway.delivery.follower import Follower
from gateway.delivery.proofs import Proofs
from gateway.delivery.registry import Registry
from gateway.model.app import ApnsCredentials, ApnsEnvironment, FcmCredentials
from gateway.model.workspace import Workspace
from gateway.providers.apns import ApnsHosts, ApnsProvider
from gateway.providers.egress import Egress
from gateway.providers.fcm import FcmHosts, FcmProvider
from gateway.providers.key_files import KeyFile, read_apns_key, read_fcm_service_account
from gateway.providers.providers import Providers
from gateway.store.crypto import Vault
from gateway.store.port import Contents
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.site import OpenSite, Site

VAULT = Vault([Fernet.generate_key().decode()], "lookup")
NOWHERE = "https://127.0.0.1:9"
TOPIC = "com.example.chat"
OpenStore = Callable[[], Awaitable[SqliteStore]]
Execute = Callable[[str], Awaitable[None]]


class Watched:
    """A store that counts how often it is asked, and answers when the test lets it."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.asked = 0
        self.proofs_written = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def revision(self) -> int:
        self.asked += 1
        revision = await self._store.revision()
        await self.may_answer.wait()
        return revision

    async def load(self) -> Contents:
        return await self._store.load()

    async def add_proof(self, fingerprint: str, at: float) -> None:
        self.proofs_written += 1
        await self._store.add_proof(fingerprint, at)


@pytest.fixture
async def open_store(tmp_path: Path) -> AsyncIterator[OpenStore]:
    opened: list[SqliteStore] = []

    async def open_one() -> SqliteStore:
        opened.append(await SqliteStore.open(tmp_path / "gateway.db", lambda is_new: VAULT))
        return opened[-1]

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> SqliteStore:
    return await open_store()


@pytest.fixture
async def open_site(open_store: OpenStore, clock: ManualClock, until: Callable[..., Any]) -> AsyncIterator[OpenSite]:
    """Each on a store object of its own, on the same data."""
    opened: list[Site] = []

    async def open_one() -> Site:
        opened.append(Site(await open_store(), clock, until))
        await until(lambda: opened[-1].sleeper.sleeps)
        return opened[-1]

    yield open_one
    for site in opened:
        await site.stop()


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """Do to the store's file what the store itself never would."""

    def run(statement: str) -> None:
        with closing(sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)) as connection:
            connection.execute(statement)

    async def execute(statement: str) -> None:
        await asyncio.to_thread(run, statement)

    return execute


@pytest.fixture
def registry(store: SqliteStore, clock: ManualClock) -> Registry:
    return Registry(store, VAULT, clock)


@pytest.fixture
def apns_key(identity: Path) -> ApnsCredentials:
    file = KeyFile("key.p8", (identity / "AuthKey_SIMKEY0001.p8").read_bytes())
    return read_apns_key(file, "SIMKEY0001", "SIMTEAM001", (TOPIC,), ApnsEnvironment.PRODUCTION)


@pytest.fixture
def service_account(identity: Path) -> FcmCredentials:
    return read_fcm_service_account(KeyFile("account.json", (identity / "service-account.json").read_bytes()))


@pytest.fixture
def egress(identity: Path) -> Egress:
    return Egress(str(identity / "ca.pem"))


@pytest.fixture
def apns(egress: Egress, clock: ManualClock) -> ApnsProvider:
    return ApnsProvider(ApnsHosts(NOWHERE, NOWHERE), egress, clock, 10.0)


@pytest.fixture
def fcm(egress: Egress, clock: ManualClock) -> FcmProvider:
    return FcmProvider(FcmHosts(NOWHERE), egress, clock, 10.0)


@pytest.fixture
async def providers(apns: ApnsProvider, fcm: FcmProvider) -> AsyncIterator[Providers]:
    providers = Providers(apns, fcm)
    yield providers
    await providers.aclose()


@pytest.fixture
def watched(store: SqliteStore) -> Watched:
    return Watched(store)


@pytest.fixture
def proofs(watched: Watched, clock: ManualClock) -> Proofs:
    return Proofs(watched, clock)


@pytest.fixture
def follower(watched: Watched, providers: Providers, proofs: Proofs, clock: ManualClock) -> Follower:
    return Follower(watched, providers, proofs, clock)


def workspace(name: str, apps: tuple[str, ...] = (), **more: Any) -> Workspace:
    return Workspace(id=name, name=name, apps=apps, secrets=more.pop("secrets", ()), **more)
