"""Every adapter of the store, each on data of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from gateway.store.crypto import Vault
from gateway.store.port import Store
from gateway.store.sqlite import SqliteStore

OpenStore = Callable[[], Awaitable[Store]]
"""Opens one more store object on the same data, as another gateway would."""


def _sqlite(folder: Path) -> OpenStore:
    vault = Vault([Fernet.generate_key().decode()], "lookup")
    return lambda: SqliteStore.open(folder / "gateway.db", lambda is_new: vault)


ADAPTERS: dict[str, Callable[[Path], OpenStore]] = {"sqlite": _sqlite}


@pytest.fixture(params=sorted(ADAPTERS))
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    open_one, opened = ADAPTERS[request.param](tmp_path), []

    async def open_and_remember() -> Store:
        opened.append(await open_one())
        return opened[-1]

    yield open_and_remember
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    return await open_store()
