"""Which store a URL means, and the keys it is opened with."""

from pathlib import Path

import msgspec

from gateway.model.errors import SettingsError, StoreKeyError
from gateway.model.secret import Secret
from gateway.model.store_url import StoreUrl
from gateway.store.crypto import MAKE_KEY, Vault, has_local_keys, local_vault
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
    """A store and the keys it was opened with."""

    store: Store
    vault: Vault


async def open_store(url: StoreUrl, keys: GivenKeys, may_make: bool = True) -> OpenStore:
    """Open the store, or make it where it is empty.

    Args:
        url: where it is.
        keys: of the settings; an embedded store does without and has key files of its own.
        may_make: whether one that is not there is made.

    Raises:
        SettingsError, StoreKeyError: the keys are missing, damaged or other ones.
        StoreError: it cannot be opened, or is of another schema.
    """
    vault = keys.vault()
    if url.path is None:
        mongo = await MongoStore.open(url, _required(vault), may_make)
        return OpenStore(mongo, mongo.vault)
    path = Path(url.path)
    sqlite = await SqliteStore.open(path, lambda is_new: vault or local_vault(path.parent, is_new), may_make)
    return OpenStore(sqlite, sqlite.vault)


async def migrate_store(url: StoreUrl, keys: GivenKeys) -> list[str]:
    """Bring the store to the newest schema; return what was done.

    Raises:
        SettingsError, StoreKeyError, StoreError: as for `open_store`.
    """
    vault = keys.vault()
    if url.path is None:
        return await MongoStore.migrate(url, _required(vault))
    path = Path(url.path)
    return await SqliteStore.migrate(path, lambda is_new: vault or local_vault(path.parent, is_new))


def keys_beside(url: StoreUrl, keys: GivenKeys) -> GivenKeys:
    """Return none where an embedded store has key files of its own, whatever the settings give for another store."""
    return GivenKeys() if url.path and has_local_keys(Path(url.path).parent) else keys


def _required(vault: Vault | None) -> Vault:
    if vault is None:
        raise StoreKeyError(
            "a store on MongoDB needs the same keys in every gateway: set encryption.keys to what "
            f"`{MAKE_KEY}` prints, and encryption.lookup_key to what it prints the next time"
        )
    return vault
