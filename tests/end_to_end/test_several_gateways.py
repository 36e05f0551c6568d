"""Several gateways on one MongoDB: what is changed through one is live on the others within seconds."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from gateway.app import Gateway, following, open_gateway
from gateway.config import EncryptionSettings, Settings, StoreSettings
from gateway.delivery.registry import Registry
from gateway.model.secret import Secret
from gateway.model.store_url import StoreUrl
from tests.cli.process import push_gateway
from tests.clock import ManualClock

KEY = Fernet.generate_key().decode()
LIVE_WITHIN = 3.0
"""Seconds until a change must be live everywhere."""
Until = Callable[[Callable[[], object]], Any]


@pytest.fixture
async def gateways(mongo_url: StoreUrl, clock: ManualClock, until: Until) -> AsyncIterator[list[Gateway]]:
    """Three, which follow the store by one clock."""
    encryption = EncryptionSettings(keys=(Secret(KEY),), lookup_key=Secret("a long text"))
    settings = Settings(store=StoreSettings(url=mongo_url), encryption=encryption)
    async with AsyncExitStack() as cleanup:
        opened = [await cleanup.enter_async_context(open_gateway(settings, clock)) for _ in range(3)]
        for gateway in opened:
            await cleanup.enter_async_context(following(gateway))
        await until(lambda: all(gateway.follower.snapshot and gateway.pulse.gateways for gateway in opened))
        yield opened


async def time_passes(gateways: list[Gateway], clock: ManualClock, until: Until) -> None:
    """Let as many seconds pass as a change may take, and wait for what the gateways have begun in them."""
    revision = await gateways[0].store.revision()
    await clock.advance(LIVE_WITHIN)
    await until(lambda: all(gateway.follower.snapshot.revision == revision for gateway in gateways))


async def test_changes_through_one_are_live_on_all(gateways: list[Gateway], clock: ManualClock, until: Until) -> None:
    registry = Registry(gateways[0].store, gateways[0].vault, clock)

    async def is_live(holds: Callable[[Gateway], object]) -> None:
        await time_passes(gateways, clock, until)
        assert all(holds(gateway) for gateway in gateways)

    await registry.add_app("chat", None, None)
    await is_live(lambda gateway: gateway.follower.snapshot.app_names == {"chat"})
    await registry.add_workspace("acme", ("chat",))
    await is_live(lambda gateway: gateway.follower.snapshot.by_name("acme"))
    await registry.update_workspace("acme", suspended=True)
    await is_live(lambda gateway: gateway.follower.snapshot.by_name("acme").workspace.suspended)
    await registry.remove_workspace("acme")
    await is_live(lambda gateway: gateway.follower.snapshot.by_name("acme") is None)


async def test_changes_by_the_command_line_are_live_on_all(
    gateways: list[Gateway], clock: ManualClock, until: Until, mongo_url: StoreUrl, tmp_path: Path
) -> None:
    registry = Registry(gateways[0].store, gateways[0].vault, clock)
    await registry.add_app("chat", None, None)
    await registry.add_workspace("acme", ("chat",))
    env = {
        "PUSH_GATEWAY_STORE__URL": mongo_url.reveal(),
        "PUSH_GATEWAY_ENCRYPTION__KEYS": KEY,
        "PUSH_GATEWAY_ENCRYPTION__LOOKUP_KEY": "a long text",
    }
    ended = await push_gateway("workspace", "suspend", "acme", folder=tmp_path, env=env)
    assert ended.code == 0, ended.err
    await time_passes(gateways, clock, until)
    assert all(gateway.follower.snapshot.by_name("acme").workspace.suspended for gateway in gateways)


async def test_each_shows_a_heartbeat(gateways: list[Gateway], clock: ManualClock, until: Until) -> None:
    await clock.advance(5.0)
    await until(lambda: all(gateway.pulse.live == len(gateways) for gateway in gateways))
    for gateway in gateways:
        assert "\npush_instances 3.0\n" in (await gateway.metrics.render()).decode()
