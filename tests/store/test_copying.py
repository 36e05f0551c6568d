"""A whole store into another: interrupted, gone on with, and refused where something could be lost."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from msgspec import structs

from gateway.model.app import App, FcmCredentials
from gateway.model.errors import StoreError
from gateway.model.store_url import StoreUrl
from gateway.model.workspace import Workspace
from gateway.store.copying import KINDS, PAGE, Share, copy, survey
from gateway.store.crypto import Vault
from gateway.store.mongo import MongoStore
from gateway.store.port import Proof, Record, Store, key_of
from gateway.store.sqlite import SqliteStore
from tests.notices import notice
from tests.sightings import known
from tests.store.log import delivered
from tests.store.owed import claim, late, owed
from tests.store.used import used

FCM = FcmCredentials(project_id="example", client_email="push@example.com", service_account="google-key-text")
APPS = [App(id=f"app-{number}", name=f"Chat {number}", fcm=FCM, version=number + 1) for number in range(3)]
WORKSPACES = [
    Workspace(id=f"{number:x}", name=f"Ltd {number}", apps=("app-1",), secrets=(), version=number + 1)
    for number in range(2 * PAGE + 7)
]
PROOFS = [Proof(f"fingerprint {number}", number / 3) for number in range(PAGE)]
DELIVERIES = [delivered(f"{number:04x}", at=number / 3) for number in range(PAGE + 1)]
OUTBOX = [
    *(owed(f"{number:04x}", line=f"line {number % 7}", received_at=number / 3) for number in range(PAGE + 2)),
    owed("leased", owner="gateway", leased_until=5000.0, key=None),
]
LATE_VERDICTS = [late(f"{number:04x}", at=number / 3) for number in range(PAGE + 4)]
DEVICES = [known(f"{number:064x}", dead_since=number / 3, workspaces=("Ltd 1",)) for number in range(PAGE + 2)]
NOTICES = [notice(f"{number:04x}", until=number or None, words="no") for number in range(PAGE + 1)]
USAGE = [used(f"{number:04x}", number) for number in range(PAGE + 3)]
EVERYTHING: list[Record] = [
    *APPS,
    *WORKSPACES,
    *PROOFS,
    *DELIVERIES,
    *OUTBOX,
    *LATE_VERDICTS,
    *DEVICES,
    *NOTICES,
    *USAGE,
]


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


Held = dict[tuple[type[Record], str], Record]


def by_key(records: Iterable[Record]) -> Held:
    return {(type(record), key_of(record)): record for record in records}


async def everything(store: Store) -> Held:
    pages = [await store.page(kind, None, 10 * PAGE) for kind in KINDS.values()]
    return by_key(record for page in pages for record in page)


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
        "outbox": Share(PAGE + 3, 0),
        "late_verdicts": Share(PAGE + 4, 0),
        "devices": Share(PAGE + 2, 0),
        "notices": Share(PAGE + 1, 0),
        "usage": Share(PAGE + 3, 0),
    }
    progress = Progress()
    await copy(source, target, progress)
    assert progress.copied == len(EVERYTHING)
    assert await everything(target) == await everything(source) == by_key(EVERYTHING)
    assert (await target.load()).apps == (await source.load()).apps


async def test_a_copied_outbox_goes_on_line_by_line(source: Store, target: Store) -> None:
    await copy(source, target, Progress())
    assert {item.id for item in await target.outbox.claim(claim())} == {f"{number:04x}" for number in range(7)}


async def test_a_copy_that_was_interrupted_goes_on(source: Store, target: Store) -> None:
    with pytest.raises(InterruptedError):
        await copy(source, target, Progress(until=PAGE))
    rest = await survey(source, target)
    assert rest == {
        "apps": Share(0, 3),
        "workspaces": Share(PAGE + 7, PAGE),
        "proofs": Share(PAGE, 0),
        "deliveries": Share(PAGE + 1, 0),
        "outbox": Share(PAGE + 3, 0),
        "late_verdicts": Share(PAGE + 4, 0),
        "devices": Share(PAGE + 2, 0),
        "notices": Share(PAGE + 1, 0),
        "usage": Share(PAGE + 3, 0),
    }
    progress = Progress()
    await copy(source, target, progress)
    assert progress.copied == len(EVERYTHING) - 3 - PAGE
    assert await everything(target) == by_key(EVERYTHING)


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
        (owed("0001", received_at=12.0), "a push of 12 in the outbox"),
        (late("0001", at=12.0), "a late verdict of 12"),
        (known(f"{1:064x}", app="other"), "a device, 000000000000"),
        (notice("0001", at=12.0), "a notice of 12, breaker_open"),
        (used("0001", 12), "a count of 2026-11"),
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
