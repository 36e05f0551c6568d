"""Commands that change what is registered: store open, registry in hand, store closed."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from gateway.app import open_store
from gateway.cli.running import run, settings_from
from gateway.config import Settings
from gateway.delivery.registry import Registry
from gateway.model.clock import SystemClock

T = TypeVar("T")


def with_registry(config: Path | None, action: Callable[[Registry], Awaitable[T]]) -> T:
    """Run `action` on the registry of the store that the settings name."""
    return run(_with_registry(settings_from(config), action))


async def _with_registry(settings: Settings, action: Callable[[Registry], Awaitable[T]]) -> T:
    async with open_store(settings) as opened:
        return await action(Registry(opened.store, opened.vault, SystemClock()))
