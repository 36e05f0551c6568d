"""Following the store: what changes anywhere is live here, and no failure ends it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from structlog.testing import capture_logs

from gateway.delivery.follower import MAX_MISSES, POLL_SECONDS, Follower
from gateway.delivery.proofs import Proofs
from gateway.delivery.registry import Registry
from gateway.model.app import ApnsCredentials, ApnsEnvironment, FcmCredentials
from gateway.model.errors import StoreError
from gateway.providers.apns import ApnsProvider
from gateway.providers.credentials import with_environment
from gateway.providers.fcm import FcmProvider
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.conftest import Execute, OpenStore, Watched, workspace

Until = Callable[[Callable[[], object]], Any]


@pytest.fixture
async def running(follower: Follower) -> AsyncIterator[Follower]:
    """A follower that follows."""
    task = asyncio.create_task(follower.run())
    yield follower
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(scope="session")
def rsa_key() -> str:
    """A key that Apple cannot have given out."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


async def test_a_check_brings_what_others_changed(follower: Follower, open_store: OpenStore) -> None:
    await follower.check()
    assert follower.snapshot is not None
    assert follower.snapshot.by_name("Example") is None
    await (await open_store()).put_workspace(workspace("Example"))
    await follower.check()
    assert follower.snapshot.by_name("Example") is not None
    assert follower.store_answers


async def test_what_did_not_change_is_not_read_again(follower: Follower) -> None:
    await follower.check()
    before = follower.snapshot
    await follower.check()
    assert follower.snapshot is before


async def test_however_many_ask_at_once_the_store_is_asked_twice_at_most_and_all_see_the_change(
    follower: Follower, watched: Watched, store: SqliteStore, clock: ManualClock, until: Until
) -> None:
    await follower.check()
    watched.asked = 0
    watched.may_answer.clear()
    early = asyncio.create_task(follower.check())
    await until(lambda: watched.asked == 1)
    await store.put_workspace(workspace("Example"))
    checks = [asyncio.create_task(follower.check()) for _ in range(100)]
    await clock.advance(0.001)
    watched.may_answer.set()
    await asyncio.gather(early, *checks)
    assert follower.snapshot is not None
    assert follower.snapshot.by_name("Example") is not None
    assert watched.asked == 2


async def test_who_asks_after_the_last_check_began_asks_anew(follower: Follower, watched: Watched) -> None:
    for asked in (1, 2, 3):
        await follower.check()
        assert watched.asked == asked


async def test_it_asks_every_two_seconds(
    running: Follower, watched: Watched, store: SqliteStore, clock: ManualClock, until: Until
) -> None:
    await until(lambda: running.snapshot is not None)
    await store.put_workspace(workspace("Example"))
    await clock.advance(POLL_SECONDS - 0.1)
    assert watched.asked == 1
    await clock.advance(0.1)
    await until(lambda: running.snapshot and running.snapshot.by_name("Example"))
    assert watched.asked == 2


async def test_while_the_store_fails_the_snapshot_serves_on_and_afterwards_it_follows_again(
    running: Follower, store: SqliteStore, execute: Execute, clock: ManualClock, until: Until
) -> None:
    await store.put_workspace(workspace("First"))
    await clock.advance(POLL_SECONDS)
    await until(lambda: running.snapshot and running.snapshot.by_name("First"))
    await execute("ALTER TABLE meta RENAME TO lost")
    with capture_logs() as logs:
        for _ in range(5):
            await clock.advance(POLL_SECONDS)
            await until(lambda: not running.store_answers)
    assert [entry["event"] for entry in logs] == ["store_unavailable"]
    assert "no such table: meta" in logs[0]["error"]
    assert running.snapshot is not None
    assert running.snapshot.by_name("First")
    await execute("ALTER TABLE lost RENAME TO meta")
    await store.put_workspace(workspace("Second"))
    await clock.advance(POLL_SECONDS)
    await until(lambda: running.snapshot and running.snapshot.by_name("Second"))
    assert running.store_answers


async def test_a_store_that_was_never_there_is_told(running: Follower, store: SqliteStore, until: Until) -> None:
    with capture_logs() as logs:
        await store.close()
        await until(lambda: logs)
    async with asyncio.timeout(10):
        await running.has_looked.wait()
    assert [(entry["event"], entry["error"]) for entry in logs] == [("store_unavailable", "the store is closed")]
    assert running.snapshot is None
    assert not running.store_answers


async def test_contents_that_cannot_be_read_do_not_end_the_following(
    running: Follower, store: SqliteStore, execute: Execute, clock: ManualClock, until: Until
) -> None:
    await store.put_workspace(workspace("First"))
    await clock.advance(POLL_SECONDS)
    await until(lambda: running.snapshot and running.snapshot.by_name("First"))
    with capture_logs() as logs:
        await execute("UPDATE workspaces SET document = X'7B'")
        await execute("UPDATE meta SET value = value + 1 WHERE key = 'revision'")
        await clock.advance(POLL_SECONDS)
        await until(lambda: logs)
    assert [entry["event"] for entry in logs] == ["store_unavailable"]
    assert running.snapshot is not None
    assert running.snapshot.by_name("First")
    await store.remove_workspace("First")
    await store.put_workspace(workspace("Second"))
    await clock.advance(POLL_SECONDS)
    await until(lambda: running.snapshot and running.snapshot.by_name("Second"))


async def test_a_workspace_that_cannot_be_understood_does_not_end_the_following(
    running: Follower, store: SqliteStore, clock: ManualClock, until: Until
) -> None:
    await until(lambda: running.snapshot is not None)
    with capture_logs() as logs:
        await store.put_workspace(workspace("Odd", allow_from=("nonsense",)))
        await clock.advance(POLL_SECONDS)
        await until(lambda: logs)
    assert [entry["event"] for entry in logs] == ["snapshot_failed"]
    assert "nonsense" in str(logs[0]["exc_info"])
    await store.remove_workspace("Odd")
    await store.put_workspace(workspace("Example"))
    await clock.advance(POLL_SECONDS)
    await until(lambda: running.snapshot and running.snapshot.by_name("Example"))


async def test_what_is_missing_is_looked_for_once_in_two_seconds(
    follower: Follower, watched: Watched, clock: ManualClock
) -> None:
    await follower.look_again("secret")
    await clock.advance(POLL_SECONDS - 0.1)
    await follower.look_again("secret")
    assert watched.asked == 1
    await follower.look_again("another secret")
    assert watched.asked == 2
    await clock.advance(0.1)
    await follower.look_again("secret")
    assert watched.asked == 3


async def test_looking_again_finds_what_was_just_added(follower: Follower, store: SqliteStore) -> None:
    await follower.check()
    await store.put_workspace(workspace("Example"))
    await follower.look_again("Example")
    assert follower.snapshot is not None
    assert follower.snapshot.by_name("Example")


async def test_a_look_that_failed_is_not_remembered(follower: Follower, watched: Watched, execute: Execute) -> None:
    await execute("ALTER TABLE meta RENAME TO lost")
    for _ in range(2):
        with pytest.raises(StoreError, match="no such table: meta"):
            await follower.look_again("secret")
    await execute("ALTER TABLE lost RENAME TO meta")
    await follower.look_again("secret")
    assert watched.asked == 3


async def test_of_many_missing_the_oldest_are_forgotten(follower: Follower, watched: Watched) -> None:
    for number in range(MAX_MISSES):
        await follower.look_again(f"secret {number}")
    await follower.look_again("secret 0")
    assert watched.asked == MAX_MISSES
    await follower.look_again("one more")
    await follower.look_again("secret 1")
    assert watched.asked == MAX_MISSES + 1
    await follower.look_again("secret 0")
    assert watched.asked == MAX_MISSES + 2


async def test_an_unusable_key_is_named_and_stops_nobody_else(
    follower: Follower,
    registry: Registry,
    apns: ApnsProvider,
    fcm: FcmProvider,
    apns_key: ApnsCredentials,
    service_account: FcmCredentials,
    rsa_key: str,
) -> None:
    bad = msgspec.structs.replace(apns_key, key=rsa_key, fingerprint="bad", environment=ApnsEnvironment.AUTO)
    await registry.add_app("Bad", bad, None)
    await registry.add_app("Good", apns_key, service_account)
    await registry.add_workspace("Example", ("Bad", "Good"))
    await follower.check()
    assert follower.broken == {"Bad"}
    assert follower.snapshot is not None
    assert follower.snapshot.by_name("Example")
    assert (len(list(apns.pools())), len(list(fcm.pools()))) == (1, 2)
    await registry.replace_credentials("Bad", with_environment(apns_key, ApnsEnvironment.SANDBOX), None)
    await follower.check()
    assert follower.broken == frozenset()
    assert len(list(apns.pools())) == 2


async def test_a_damaged_key_stops_nobody_else(
    follower: Follower, registry: Registry, apns_key: ApnsCredentials
) -> None:
    await registry.add_app("Bad", msgspec.structs.replace(apns_key, key="no key", fingerprint="bad"), None)
    await registry.add_app("Good", apns_key, None)
    await follower.check()
    assert follower.broken == {"Bad"}


async def test_keys_of_both_environments_are_ready_before_the_first_push(
    follower: Follower, registry: Registry, apns: ApnsProvider, apns_key: ApnsCredentials
) -> None:
    await registry.add_app("Chat", with_environment(apns_key, ApnsEnvironment.AUTO), None)
    await follower.check()
    assert len(list(apns.pools())) == 2


async def test_what_an_app_no_longer_has_is_let_go(
    follower: Follower,
    registry: Registry,
    apns: ApnsProvider,
    fcm: FcmProvider,
    apns_key: ApnsCredentials,
    service_account: FcmCredentials,
) -> None:
    await registry.add_app("Chat", apns_key, service_account)
    await follower.check()
    await registry.remove_app("Chat")
    await follower.check()
    assert [*apns.pools(), *fcm.pools()] == []


async def test_proofs_of_other_gateways_are_learned_with_the_next_change(
    follower: Follower, proofs: Proofs, open_store: OpenStore
) -> None:
    await follower.check()
    other = await open_store()
    await other.add_proof("f1", 1.0)
    await other.put_workspace(workspace("Example"))
    await follower.check()
    assert proofs.has_any(["f1"])
