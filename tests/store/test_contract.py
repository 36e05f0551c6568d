"""What every adapter of the store does, whatever it keeps things in."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.model.app import ApnsCredentials, ApnsEnvironment, App, FcmCredentials
from gateway.model.errors import NameTaken, StoreError
from gateway.model.workspace import SecretHash, Workspace
from gateway.store.port import Store
from tests.store.conftest import OpenStore

APP = App(id="app-1", name="Chat")
WORKSPACE = Workspace(id="workspace-1", name="Example Ltd", apps=("app-1",), secrets=())

KINDS = pytest.mark.parametrize("kind", ["app", "workspace"])


class Shelf:
    """The half of a store that keeps apps, or the one that keeps workspaces: both must behave alike."""

    def __init__(self, store: Store, kind: str) -> None:
        self._store = store
        self._is_app = kind == "app"

    async def put(self, key: str, name: str) -> None:
        if self._is_app:
            await self._store.put_app(App(id=key, name=name))
        else:
            await self._store.put_workspace(Workspace(id=key, name=name, apps=(), secrets=()))

    async def remove(self, key: str) -> None:
        await (self._store.remove_app if self._is_app else self._store.remove_workspace)(key)

    async def names(self) -> dict[str, str]:
        contents = await self._store.load()
        return {one.id: one.name for one in (contents.apps if self._is_app else contents.workspaces)}


async def test_a_new_store_is_empty(store: Store) -> None:
    contents = await store.load()
    assert (contents.apps, contents.workspaces, contents.proven) == ((), (), frozenset())
    assert contents.revision == await store.revision()


@KINDS
async def test_what_is_put_is_there(store: Store, kind: str) -> None:
    shelf = Shelf(store, kind)
    await shelf.put("1", "first")
    await shelf.put("2", "second")
    assert await shelf.names() == {"1": "first", "2": "second"}


@KINDS
async def test_put_replaces_the_one_with_its_id(store: Store, kind: str) -> None:
    shelf = Shelf(store, kind)
    await shelf.put("1", "first")
    await shelf.put("2", "second")
    await shelf.put("1", "other")
    assert await shelf.names() == {"1": "other", "2": "second"}


@KINDS
async def test_what_is_removed_is_gone_and_its_name_free(store: Store, kind: str) -> None:
    shelf = Shelf(store, kind)
    await shelf.put("1", "first")
    await shelf.put("2", "second")
    await shelf.remove("1")
    assert await shelf.names() == {"2": "second"}
    await shelf.put("3", "first")
    assert await shelf.names() == {"2": "second", "3": "first"}


@KINDS
async def test_removing_what_is_not_there_is_no_error(store: Store, kind: str) -> None:
    shelf = Shelf(store, kind)
    await shelf.put("1", "first")
    await shelf.remove("2")
    assert await shelf.names() == {"1": "first"}


@KINDS
async def test_a_name_taken_is_refused_and_changes_nothing(store: Store, kind: str) -> None:
    shelf = Shelf(store, kind)
    await shelf.put("1", "first")
    await shelf.put("2", "second")
    before = await store.load()
    for key in ("2", "3"):
        with pytest.raises(NameTaken, match="the name 'first' is taken; choose another"):
            await shelf.put(key, "first")
    assert await store.load() == before


async def test_an_app_and_a_workspace_may_share_a_name_and_an_id(store: Store) -> None:
    app, workspace = App(id="1", name="Chat"), Workspace(id="1", name="Chat", apps=(), secrets=())
    await store.put_app(app)
    await store.put_workspace(workspace)
    await store.remove_app("1")
    contents = await store.load()
    assert (contents.apps, contents.workspaces) == ((), (workspace,))


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.put_app(APP),
        lambda store: store.put_app(msgspec.structs.replace(APP, id="app-0", created_at=1.0)),
        lambda store: store.remove_app("app-0"),
        lambda store: store.put_workspace(WORKSPACE),
        lambda store: store.put_workspace(msgspec.structs.replace(WORKSPACE, id="workspace-0", suspended=True)),
        lambda store: store.remove_workspace("workspace-0"),
    ],
    ids=["add app", "replace app", "remove app", "add workspace", "replace workspace", "remove workspace"],
)
async def test_every_change_adds_one_to_the_revision(store: Store, change: Callable[[Store], Awaitable[None]]) -> None:
    await store.put_app(App(id="app-0", name="Present"))
    await store.put_workspace(Workspace(id="workspace-0", name="Present", apps=(), secrets=()))
    before = await store.revision()
    await change(store)
    assert await store.revision() == before + 1
    assert (await store.load()).revision == before + 1


async def test_proofs_are_kept_once_and_leave_the_revision_alone(store: Store) -> None:
    before = await store.revision()
    for fingerprint, at in (("f1", 1.0), ("f2", 2.0), ("f1", 3.0)):
        await store.add_proof(fingerprint, at)
    contents = await store.load()
    assert contents.proven == {"f1", "f2"}
    assert contents.revision == before


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_TIME = st.floats(0, 1e12)
_APNS = st.builds(
    ApnsCredentials,
    topics=st.lists(_TEXT, max_size=3).map(tuple),
    environment=st.sampled_from(ApnsEnvironment),
    key=_TEXT,
    key_id=_TEXT,
    team_id=_TEXT,
    certificate=_TEXT,
    certificate_key=_TEXT,
    expires_at=st.none() | _TIME,
    fingerprint=_TEXT,
)
_FCM = st.builds(FcmCredentials, project_id=_TEXT, client_email=_TEXT, service_account=_TEXT, fingerprint=_TEXT)
_APPS = st.builds(App, id=st.just("app"), name=_TEXT, apns=st.none() | _APNS, fcm=st.none() | _FCM, created_at=_TIME)
_WORKSPACES = st.builds(
    Workspace,
    id=st.just("workspace"),
    name=_TEXT,
    apps=st.lists(_TEXT, max_size=3).map(tuple),
    secrets=st.lists(st.builds(SecretHash, _TEXT, st.none() | _TIME), max_size=3).map(tuple),
    unique_id=st.none() | _TEXT,
    allow_from=st.lists(_TEXT, max_size=3).map(tuple),
    suspended=st.booleans(),
    created_at=_TIME,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(app=_APPS, workspace=_WORKSPACES)
async def test_every_field_comes_back_as_it_was(store: Store, app: App, workspace: Workspace) -> None:
    await store.put_app(app)
    await store.put_workspace(workspace)
    contents = await store.load()
    assert (contents.apps, contents.workspaces) == ((app,), (workspace,))


async def test_two_stores_on_the_same_data_see_each_others_changes(open_store: OpenStore) -> None:
    here, there = await open_store(), await open_store()
    before = await there.revision()
    await here.put_app(APP)
    await here.put_workspace(WORKSPACE)
    await here.add_proof("f1", 1.0)
    assert await there.revision() == before + 2
    assert await there.load() == await here.load()
    await there.remove_app(APP.id)
    assert (await here.load()).apps == ()


async def test_what_is_put_outlives_the_store_object(open_store: OpenStore) -> None:
    first = await open_store()
    await first.put_app(APP)
    await first.add_proof("f1", 1.0)
    before = await first.load()
    await first.close()
    assert await (await open_store()).load() == before


async def test_concurrent_writers_all_succeed(open_store: OpenStore) -> None:
    stores = [await open_store() for _ in range(4)]
    before = await stores[0].revision()
    apps = [App(id=f"app-{number}", name=f"Chat {number}") for number in range(40)]
    await asyncio.gather(*(stores[number % 4].put_app(app) for number, app in enumerate(apps)))
    contents = await stores[0].load()
    assert set(contents.apps) == set(apps)
    assert contents.revision == before + 40


async def test_of_concurrent_takers_of_a_name_one_gets_it(open_store: OpenStore) -> None:
    stores = [await open_store() for _ in range(4)]
    takers = (store.put_app(App(id=f"app-{number}", name="Chat")) for number, store in enumerate(stores))
    results = await asyncio.gather(*takers, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NameTaken"] * 3 + ["NoneType"]


async def test_a_load_amid_changes_is_of_one_revision(open_store: OpenStore) -> None:
    writer, reader = await open_store(), await open_store()
    start = await writer.revision()
    loads = []

    async def write() -> None:
        for revision in range(start + 1, start + 101):
            await writer.put_app(msgspec.structs.replace(APP, created_at=float(revision)))

    writing = asyncio.create_task(write())
    while not writing.done():
        loads.append(await reader.load())
    await writing
    assert len({contents.revision for contents in loads}) > 1
    assert [contents.revision for contents in loads if contents.apps] == [
        contents.apps[0].created_at for contents in loads if contents.apps
    ]


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.revision(),
        lambda store: store.load(),
        lambda store: store.put_app(APP),
        lambda store: store.remove_app("app-1"),
        lambda store: store.put_workspace(WORKSPACE),
        lambda store: store.remove_workspace("workspace-1"),
        lambda store: store.add_proof("f1", 1.0),
    ],
    ids=["revision", "load", "put_app", "remove_app", "put_workspace", "remove_workspace", "add_proof"],
)
async def test_a_closed_store_says_so(store: Store, use: Callable[[Store], Awaitable[object]]) -> None:
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await use(store)


async def test_closing_waits_for_what_is_under_way_and_may_be_repeated(open_store: OpenStore) -> None:
    store = await open_store()
    putting = asyncio.create_task(store.put_app(APP))
    await asyncio.sleep(0)
    await store.close()
    await putting
    await store.close()
    assert (await (await open_store()).load()).apps == (APP,)
