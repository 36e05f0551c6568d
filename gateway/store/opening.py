"""Which store a URL means, and the keys it is opened with."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec

from gateway.model.errors import SettingsError, StoreKeyError
from gateway.model.secret import Secret
from gateway.model.store_url import StoreUrl
from gateway.store.crypto import MAKE_KEY, Vault
from gateway.store.local_keys import KeyFiles, has_local_keys, local_vault
from gateway.store.mongo import MongoStore
from gateway.store.port import Store
from gateway.store.sqlite import SqliteStore


class GivenKeys(msgspec.Struct, frozen=True):
    """The keys of the settings; none are given where both are empty."""

    encryption: tuple[Secret, ...] = ()
    lookup: Secret = Secret("")

    def vault(self) -> Vault | None:
        """Return what these keys open.

        Raises:
            SettingsError: one of the two is missing.
            StoreKeyError: one is no key.
        """
        if bool(self.encryption) != bool(self.lookup):
            raise SettingsError("[encryption] needs both keys and lookup_key, or neither")
        return Vault([key.reveal() for key in self.encryption], self.lookup.reveal()) if self.encryption else None


class OpenStore(msgspec.Struct, frozen=True):
    """A store and the keys it was opened with; `key_files` are where they lie, unless the settings gave them."""

    store: Store
    vault: Vault
    key_files: KeyFiles | None = None


async def open_store(url: StoreUrl, keys: GivenKeys) -> OpenStore:
    """Open the store, or make it where it is empty.

    Args:
        url: where it is.
        keys: of the settings; an embedded store does without and has key files of its own.

    Raises:
        SettingsError, StoreKeyError: the keys are missing, damaged or other ones.
        StoreError: it cannot be opened, or is of another schema.
    """
    opened = await _open(url, _vault(url, keys), may_make=True)
    if url.path is None or keys.vault():
        return opened
    return msgspec.structs.replace(opened, key_files=KeyFiles(Path(url.path).parent, opened.vault))


async def open_original(url: StoreUrl, keys: GivenKeys) -> OpenStore:
    """Open a store that is to be copied, under the key files beside it if there are any, else under the keys given.

    Raises:
        SettingsError, StoreKeyError, StoreError: as for `open_store`; or there is none.
    """
    return await _open(url, _vault(url, await _keys_at(url, keys)), may_make=False)


async def open_copy(url: StoreUrl, keys: GivenKeys, original: Vault) -> OpenStore:
    """Open or make a store that is to become a copy; its keys are found as for the original.

    Raises:
        SettingsError, StoreKeyError, StoreError: as for `open_store`; or it has another lookup key.
    """
    vault = _vault(url, await _keys_at(url, keys))
    if not await asyncio.to_thread(_finds_the_same, vault, original):
        raise StoreKeyError(
            "a copy under another lookup key would not know the workspaces' secrets; "
            "give it the original's keys, by PUSH_GATEWAY_ENCRYPTION__KEYS_FILE=.../encryption.keys and "
            "PUSH_GATEWAY_ENCRYPTION__LOOKUP_KEY_FILE=.../lookup.key, or as files beside an embedded store"
        )
    return await _open(url, vault, may_make=True)


async def migrate_store(url: StoreUrl, keys: GivenKeys) -> list[str]:
    """Bring the store to the newest schema; return what was done.

    Raises:
        SettingsError, StoreKeyError, StoreError: as for `open_store`.
    """
    vault = _vault(url, keys)
    if url.path is None:
        return await MongoStore.migrate(url, vault(False))
    return await SqliteStore.migrate(Path(url.path), vault)


async def _open(url: StoreUrl, vault: Callable[[bool], Vault], may_make: bool) -> OpenStore:
    if url.path is None:
        mongo = await MongoStore.open(url, vault(False), may_make)
        return OpenStore(mongo, mongo.vault)
    sqlite = await SqliteStore.open(Path(url.path), vault, may_make)
    return OpenStore(sqlite, sqlite.vault)


def _vault(url: StoreUrl, keys: GivenKeys) -> Callable[[bool], Vault]:
    """Return what opens the store; told whether the store is new, for key files may be made for it only then."""
    given = keys.vault()
    if url.path is None:
        return lambda is_new: given or _missing()
    folder = Path(url.path).parent
    return lambda is_new: given or local_vault(folder, is_new)


def _missing() -> NoReturn:
    raise StoreKeyError(
        "a store on MongoDB needs the same keys in every gateway: set encryption.keys to what "
        f"`{MAKE_KEY}` prints, and encryption.lookup_key to what it prints the next time"
    )


async def _keys_at(url: StoreUrl, keys: GivenKeys) -> GivenKeys:
    """Return none where an embedded store has key files of its own: those given are for the other store."""
    is_local = url.path is not None and await asyncio.to_thread(has_local_keys, Path(url.path).parent)
    return GivenKeys() if is_local else keys


def _finds_the_same(vault: Callable[[bool], Vault], original: Vault) -> bool:
    try:
        return vault(False).lookup_hash("copy", "") == original.lookup_hash("copy", "")
    except StoreKeyError:  # none are there; new ones would be others
        return False
