"""How the gateway is put together from settings."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet
from structlog.testing import capture_logs

from gateway.app import open_store
from gateway.app.background import in_background
from gateway.config import EncryptionSettings, Settings, StoreSettings
from gateway.delivery.registry import Registry
from gateway.model.errors import SettingsError, StoreKeyError
from gateway.model.secret import Secret
from gateway.model.store_url import StoreUrl
from tests.clock import ManualClock

KEYS = (Secret(Fernet.generate_key().decode()),)


def settings(folder: Path, **encryption: object) -> Settings:
    store = StoreSettings(url=StoreUrl(f"sqlite:///{folder}/store/gateway.db"))
    return Settings(store=store, encryption=EncryptionSettings(**encryption))


async def test_keys_from_the_settings_leave_no_key_files(tmp_path: Path, clock: ManualClock) -> None:
    given = settings(tmp_path, keys=KEYS, lookup_key=Secret("a long random text"))
    async with open_store(given) as opened:
        await Registry(opened.store, opened.vault, clock).add_app("app", None, None)
    async with open_store(given) as opened:
        assert [app.name for app in (await opened.store.load()).apps] == ["app"]
    with pytest.raises(StoreKeyError):
        async with open_store(msgspec.structs.replace(given, encryption=EncryptionSettings())):
            pass


@pytest.mark.parametrize("half", [{"keys": KEYS}, {"lookup_key": Secret("text")}])
async def test_half_of_the_keys_is_refused(tmp_path: Path, half: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="needs both keys and lookup_key, or neither"):
        async with open_store(settings(tmp_path, **half)):
            pass


async def test_what_runs_in_the_background_does_not_end_unheard(until: Callable[..., Any]) -> None:
    async def fail() -> None:
        raise RuntimeError("a fault of ours")

    with capture_logs() as logs:
        async with in_background(fail(), asyncio.sleep(3600)):
            await until(lambda: logs)
    assert [entry["event"] for entry in logs] == ["background_work_ended"]
