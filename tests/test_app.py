"""How the gateway is put together from settings."""

from pathlib import Path

import msgspec
import pytest
from cryptography.fernet import Fernet

from gateway.app import open_store
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
