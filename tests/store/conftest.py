"""Every adapter of the store, each on data of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from cryptography.fernet import Fernet

from gateway.store.crypto import Vault
from gateway.store.mongo import MongoStore
from gateway.store.port import Store
from gateway.store.sqlite import SqliteStore

OpenStore = Callable[[], Awaitable[Store]]
"""Opens one more store object on the same data, as another gateway would."""


def _sqlite(request: pytest.FixtureRequest, vault: Vault) -> OpenStore:
    path = request.getfixturevalue("tmp_path") / "gateway.db"
    return lambda: SqliteStore.open(path, lambda is_new: vault)


def _mongo(request: pytest.FixtureRequest, vault: Vault) -> OpenStore:
    url = request.getfixturevalue("mongo_url")
    return lambda: MongoStore.open(url, vault)


ADAPTERS: dict[str, Callable[[pytest.FixtureRequest, Vault], OpenStore]] = {"mongo": _mongo, "sqlite": _sqlite}


@pytest.fixture(params=sorted(ADAPTERS))
def opening(request: pytest.FixtureRequest) -> Callable[[Vault], OpenStore]:
    """Each adapter, on data of its own, under the keys given."""
    return lambda vault: ADAPTERS[request.param](request, vault)


@pytest.fixture
def key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def adapter(opening: Callable[[Vault], OpenStore], key: str) -> OpenStore:
    """Each adapter under its usual key."""
    return opening(Vault([key], "lookup"))


@pytest.fixture
async def ahead(opening: Callable[[Vault], OpenStore], key: str) -> AsyncIterator[Store]:
    """The same data in a gateway that has a newer key: what it writes, the others cannot read."""
    store = await opening(Vault([Fernet.generate_key().decode(), key], "lookup"))()
    yield store
    await store.close()


@pytest.fixture
async def open_store(adapter: OpenStore) -> AsyncIterator[OpenStore]:
    opened: list[Store] = []

    async def open_and_remember() -> Store:
        opened.append(await adapter())
        return opened[-1]

    yield open_and_remember
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    return await open_store()
