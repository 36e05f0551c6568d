"""What the gateway still needs before pushes should come."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path

import aiohttp
import msgspec
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.delivery.follower import POLL_SECONDS, Follower
from gateway.delivery.heartbeat import Pulse
from gateway.delivery.notices import Notices
from gateway.delivery.proofs import Proofs
from gateway.model.address import HostPort
from gateway.model.app import ApnsCredentials, App
from gateway.model.clock import SystemClock
from gateway.model.heartbeat import Heartbeat
from gateway.model.notice import NoticeKind
from gateway.observability.metrics import Metrics
from gateway.providers.apns import ApnsHosts, ApnsProvider
from gateway.providers.egress import Egress
from gateway.providers.fcm import FcmHosts, FcmProvider
from gateway.providers.providers import Providers
from gateway.store.crypto import Vault
from gateway.store.sqlite import SqliteStore
from gateway.web.doors import operator_door
from gateway.web.health import Readiness, needs_of, troubles_of
from gateway.web.listening import Listener, bind
from gateway.web.pages import OperatorPage, load_templates, overview_of
from tests.clock import ManualClock
from tests.notices import notice

VAULT = Vault([Fernet.generate_key().decode()], "lookup")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(tmp_path / "gateway.db", lambda is_new: VAULT)
    yield store
    await store.close()


@pytest.fixture
async def follower(store: SqliteStore, identity: Path, clock: ManualClock) -> AsyncIterator[Follower]:
    nowhere, ca_file = "https://127.0.0.1:9", str(identity / "ca.pem")
    providers = Providers(
        ApnsProvider(ApnsHosts(nowhere, nowhere), Egress(ca_file), clock, 10.0),
        FcmProvider(FcmHosts(nowhere), Egress(ca_file), clock, 10.0),
    )
    yield Follower(store, providers, Proofs(store, clock), clock)
    await providers.aclose()


@pytest.fixture
def readiness(follower: Follower) -> Readiness:
    return Readiness(partial(needs_of, follower), partial(troubles_of, follower))


@pytest.fixture(scope="session")
def unusable() -> ApnsCredentials:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return ApnsCredentials(topics=("com.example.chat",), key=pem, fingerprint="rsa")


async def test_at_first_everything_is_missing(readiness: Readiness) -> None:
    assert readiness.lacks() == {"snapshot": "workspaces and apps are not loaded yet"}
    assert readiness.troubles() == {}


async def test_with_a_snapshot_it_is_ready_even_if_there_is_nothing_in_it(
    readiness: Readiness, follower: Follower
) -> None:
    await follower.check()
    assert readiness.lacks() == {}


async def test_who_shuts_down_is_not_ready(readiness: Readiness, follower: Follower) -> None:
    await follower.check()
    readiness.draining = True
    assert readiness.lacks() == {"draining": "the gateway is shutting down"}


async def test_a_store_that_stops_answering_is_named_until_it_answers_and_keeps_no_push_away(
    readiness: Readiness, follower: Follower, tmp_path: Path, clock: ManualClock
) -> None:
    def rename(old: str, new: str) -> None:
        with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
            connection.execute(f"ALTER TABLE {old} RENAME TO {new}")

    await follower.check()
    await asyncio.to_thread(rename, "meta", "lost")
    following = asyncio.create_task(follower.run())
    async with asyncio.timeout(10):
        while not readiness.troubles():  # noqa: ASYNC110 - the store's thread gives no event
            await asyncio.sleep(0)
    assert readiness.troubles() == {"store": "the store does not answer: pushes go out, but none can be kept for later"}
    assert readiness.lacks() == {}
    await asyncio.to_thread(rename, "lost", "meta")
    await clock.advance(POLL_SECONDS)
    async with asyncio.timeout(10):
        while readiness.troubles():  # noqa: ASYNC110 - the store's thread gives no event
            await asyncio.sleep(0)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_it_is_not_ready_when_no_apps_keys_can_be_used(
    readiness: Readiness, follower: Follower, store: SqliteStore, unusable: ApnsCredentials
) -> None:
    for name in ("Zebra", "Aardvark"):
        own = msgspec.structs.replace(unusable, fingerprint=name)
        await store.put_app(App(id=name, name=name, apns=own))
    await follower.check()
    assert readiness.lacks() == {"credentials": "no app's keys can be used; the log says why"}
    await store.put_app(App(id="good", name="Good"))
    await follower.check()
    assert readiness.lacks() == {}
    assert follower.broken == {"Aardvark", "Zebra"}


@pytest.fixture
def pulse(store: SqliteStore, follower: Follower, clock: ManualClock) -> Pulse:
    return Pulse(store.heartbeats, VAULT, follower, clock, "1.0")


@pytest.fixture
def notices(store: SqliteStore, clock: ManualClock) -> Notices:
    return Notices(store.notices, clock)


@pytest.fixture
async def operator_url(
    readiness: Readiness, follower: Follower, pulse: Pulse, notices: Notices, clock: ManualClock
) -> AsyncIterator[str]:
    templates = await asyncio.to_thread(load_templates)
    overview = OperatorPage(partial(overview_of, follower, pulse, notices), readiness, clock)
    door = operator_door(overview, Metrics(clock, "1.0").render, readiness, templates)
    listener = Listener(door, await asyncio.to_thread(bind, HostPort("127.0.0.1", 0)), SystemClock(), 1.0)
    await listener.open()
    yield f"http://{listener.address}"
    await listener.close()


@contextlib.asynccontextmanager
async def page(url: str) -> AsyncIterator[tuple[int, bytes]]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        yield answer.status, await answer.read()


async def test_it_is_alive_before_it_is_ready_and_says_what_it_lacks(operator_url: str, follower: Follower) -> None:
    async with page(f"{operator_url}/healthz") as (status, body):
        assert (status, msgspec.json.decode(body)) == (200, {"status": "ok"})
    async with page(f"{operator_url}/readyz") as (status, body):
        assert status == 503
        document = msgspec.json.decode(body)
        assert (document["status"], set(document["lacks"])) == ("not ready", {"snapshot"})
    await follower.check()
    async with page(f"{operator_url}/readyz") as (status, body):
        assert (status, msgspec.json.decode(body)) == (200, {"status": "ok"})


async def test_the_overview_shows_apps_also_while_there_is_no_workspace(
    operator_url: str, follower: Follower, store: SqliteStore
) -> None:
    await store.put_app(App(id="1", name="Lonely app"))
    await follower.check()
    async with page(f"{operator_url}/") as (status, body):
        assert status == 200
        assert b"Lonely app" in body


async def test_the_overview_lists_the_gateways_on_the_store_and_which_of_them_are_in_trouble(
    operator_url: str, pulse: Pulse, store: SqliteStore, clock: ManualClock
) -> None:
    async with page(f"{operator_url}/") as (_, body):
        assert b"None is known yet." in body
    usual = {"pid": 77, "version": "1.0", "started_at": 1.0, "revision": 1}
    silent = Heartbeat(id="a", host="silent", at=clock.now() - 60.0, keys=VAULT.fingerprints, **usual)
    odd = Heartbeat(id="b", host="odd", at=clock.now(), keys=("00000000",), **usual)
    for other in (silent, odd):
        await store.heartbeats.beat(other)
    beating = asyncio.create_task(pulse.run())
    await clock.next_timer()
    beating.cancel()
    async with page(f"{operator_url}/") as (_, body):
        listed = body.decode().partition(">Gateways<")[2].replace("\n", "")
    for words in ("silent</th><td>77", "silent for 60 s", "odd</th>", f"<td>{os.getpid()}</td>"):
        assert words in listed
    assert (listed.count("in order"), listed.count("other keys than here")) == (2, 1)


async def test_the_overview_says_what_stands_and_what_to_type(operator_url: str, notices: Notices) -> None:
    async with page(f"{operator_url}/") as (_, body):
        assert b"Alarms" not in body
    notices.post(
        notice("My Chat", kind=NoticeKind.CREDENTIALS_REFUSED, about="apns", words="403 <InvalidProviderToken>")
    )
    notices.post(notice("My Chat", kind=NoticeKind.CANARY_DONE))
    async with page(f"{operator_url}/") as (status, body):
        text = body.decode()
    assert (status, text.count("My Chat")) == (200, 2)
    assert "Apple refuses the credentials of the app My Chat" in text
    assert "403 &lt;InvalidProviderToken&gt;" in text
    assert "1970-01-01 00:16 UTC" in text
    assert "<code>push-gateway app update &#39;My Chat&#39; --apns-key FILE ...</code>" in text
