"""A whole store into another: interrupted, gone on with, and refused where something could be lost."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from msgspec import structs

from gateway.model.app import App, FcmCredentials
from gateway.model.delivery import Delivery
from gateway.model.device import Device
from gateway.model.errors import StoreError
from gateway.model.store_url import StoreUrl
from gateway.model.workspace import Workspace
from gateway.store.copying import PAGE, Share, copy, survey
from gateway.store.crypto import Vault
from gateway.store.mongo import MongoStore
from gateway.store.port import Proof, Record, Store
from gateway.store.sqlite import SqliteStore
from tests.sightings import known
from tests.store.log import delivered

FCM = FcmCredentials(project_id="example", client_email="push@example.com", service_account="google-key-text")
APPS = [App(id=f"app-{number}", name=f"Chat {number}", fcm=FCM, version=number + 1) for number in range(3)]
WORKSPACES = [
    Workspace(id=f"{number:x}", name=f"Ltd {number}", apps=("app-1",), secrets=(), version=number + 1)
    for number in range(2 * PAGE + 7)
]
PROOFS = [Proof(f"fingerprint {number}", number / 3) for number in range(PAGE)]
DELIVERIES = [delivered(f"{number:04x}", at=number / 3) for number in range(PAGE + 1)]
DEVICES = [known(f"{number:064x}", dead_since=number / 3, workspaces=("Ltd 1",)) for number in range(PAGE + 2)]
EVERYTHING: list[Record] = [*APPS, *WORKSPACES, *PROOFS, *DELIVERIES, *DEVICES]


@pytest.fixture
async def stores(tmp_path: Path, mongo_url: StoreUrl) -> AsyncIterator[dict[str, Store]]:
    """One of each adapter, under keys of its own."""
    vaults = [Vault([Fernet.generate_key().decode()], "lookup") for _ in range(2)]
    opened: dict[str, Store] = {
        "sqlite": await SqliteStore.open(tmp_path / "gateway.db", lambda is_new: vaults[0]),
        "mongo": await MongoStore.open(mongo_url, vaults[1]),
    }
    yield opened
    for store in opened.values():
        await store.close()


@pytest.fixture(params=["sqlite to mongo", "mongo to sqlite"])
def way(request: pytest.FixtureRequest) -> list[str]:
    return str(request.param).split(" to ")


@pytest.fixture
async def source(way: list[str], stores: dict[str, Store]) -> Store:
    """With everything in it."""
    await stores[way[0]].add(EVERYTHING)
    return stores[way[0]]


@pytest.fixture
def target(way: list[str], stores: dict[str, Store]) -> Store:
    """Empty."""
    return stores[way[1]]


async def everything(store: Store) -> set[Record]:
    kinds = (App, Workspace, Proof, Delivery, Device)
    return {record for kind in kinds for record in await store.page(kind, None, 10 * PAGE)}


class Progress:
    """Counts what was copied; breaks off once a number is reached."""

    def __init__(self, until: int | None = None) -> None:
        self.copied = 0
        self._until = until

    def __call__(self, count: int) -> None:
        self.copied += count
        if self._until is not None and self.copied >= self._until:
            raise InterruptedError


async def test_a_copy_holds_everything_with_its_versions(source: Store, target: Store) -> None:
    shares = await survey(source, target)
    assert shares == {
        "apps": Share(3, 0),
        "workspaces": Share(2 * PAGE + 7, 0),
        "proofs": Share(PAGE, 0),
        "deliveries": Share(PAGE + 1, 0),
        "devices": Share(PAGE + 2, 0),
    }
    progress = Progress()
    await copy(source, target, progress)
    assert progress.copied == len(EVERYTHING)
    assert await everything(target) == await everything(source) == set(EVERYTHING)
    assert (await target.load()).apps == (await source.load()).apps


async def test_a_copy_that_was_interrupted_goes_on(source: Store, target: Store) -> None:
    with pytest.raises(InterruptedError):
        await copy(source, target, Progress(until=PAGE))
    rest = await survey(source, target)
    assert rest == {
        "apps": Share(0, 3),
        "workspaces": Share(PAGE + 7, PAGE),
        "proofs": Share(PAGE, 0),
        "deliveries": Share(PAGE + 1, 0),
        "devices": Share(PAGE + 2, 0),
    }
    progress = Progress()
    await copy(source, target, progress)
    assert progress.copied == len(EVERYTHING) - 3 - PAGE
    assert await everything(target) == set(EVERYTHING)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (App(id="a", name="First by key", version=1), "App 'First by key'"),
        (App(id="z", name="Last by key", version=1), "App 'Last by key'"),
        (structs.replace(APPS[1], version=9), "App 'Chat 1'"),
        (structs.replace(WORKSPACES[-1], suspended=True), "Workspace 'Ltd"),
        (Proof("other", 12.0), "a proof of 12"),
        (Proof("fingerprint 0", 12.0), "a proof of 12"),
        (delivered("0001", at=12.0), "a delivery of 12"),
        (known(f"{1:064x}", app="other"), "a device, 000000000000"),
    ],
)
async def test_a_target_that_holds_something_else_is_refused_untouched(
    source: Store, target: Store, record: Record, words: str
) -> None:
    await target.add([record, Proof("fingerprint 7", 7 / 3)])
    before = await everything(target)
    with pytest.raises(StoreError, match=f"{words}.* is in the target and not so in the original; a copy goes into an"):
        await survey(source, target)
    assert await everything(target) == before


async def test_a_change_of_the_original_during_the_copy_is_noticed(source: Store, target: Store) -> None:
    async def change() -> None:
        await source.put_app(App(id="0", name="Before all others"))

    class Meddled:
        """The original, which somebody changes when its proofs are read."""

        async def page(self, kind: type[Record], after: str | None, limit: int) -> list[Record]:
            if kind is Proof and not any(app.id == "0" for app in (await source.load()).apps):
                await change()
            return list(await source.page(kind, after, limit))

    with pytest.raises(StoreError, match="the original was changed during the copy; stop every gateway"):
        await copy(Meddled(), target, Progress())
    await copy(source, target, Progress())
    assert await everything(target) == await everything(source)
