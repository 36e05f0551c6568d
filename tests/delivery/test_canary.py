"""Checks of credentials while the store is away, and before anything is known."""

from typing import Any

import pytest

from gateway.delivery.canary import LOOK_SECONDS, Canary
from gateway.delivery.follower import Follower
from gateway.delivery.notices import Notices
from gateway.model.app import App, FcmCredentials
from gateway.model.errors import StoreError
from gateway.providers.providers import Providers
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.conftest import Execute


@pytest.fixture
def notices(store: SqliteStore, clock: ManualClock) -> Notices:
    return Notices(store.notices, clock)


@pytest.fixture
def canary(
    store: SqliteStore, follower: Follower, providers: Providers, notices: Notices, clock: ManualClock
) -> Canary:
    return Canary(follower, providers, notices, store.notices, clock, 300.0, 1.0)


async def test_without_the_store_nobody_takes_a_turn(
    canary: Canary, store: SqliteStore, follower: Follower, service_account: FcmCredentials, execute: Execute
) -> None:
    await canary.look()
    await store.put_app(App(id="a", name="Chat", fcm=service_account))
    await follower.check()
    await execute("ALTER TABLE notices RENAME TO lost")
    with pytest.raises(StoreError):
        await store.notices.all()
    await canary.look()
    await execute("ALTER TABLE lost RENAME TO notices")
    assert await store.notices.all() == []


@pytest.mark.parametrize(("every", "pause"), [(300.0, LOOK_SECONDS), (5.0, 5.0), (0.0, LOOK_SECONDS)])
def test_looks_are_as_frequent_as_checks_ask_for(
    follower: Follower, providers: Providers, notices: Notices, clock: ManualClock, every: float, pause: float
) -> None:
    nothing: Any = None
    assert Canary(follower, providers, notices, nothing, clock, every, 1.0).pause == pause
