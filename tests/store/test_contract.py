"""What every adapter of the store does, whatever it keeps things in."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.model.app import ApnsCredentials, ApnsEnvironment, App, FcmCredentials
from gateway.model.delivery import Delivery, DeliveryQuery
from gateway.model.errors import Changed, NameTaken, StoreError
from gateway.model.workspace import SecretHash, Workspace
from gateway.store.port import Proof, Record, Store, key_of
from tests.store.conftest import OpenStore
from tests.store.log import delivered

APP = App(id="app-1", name="Chat")
WORKSPACE = Workspace(id="workspace-1", name="Example Ltd", apps=("app-1",), secrets=())

KINDS = pytest.mark.parametrize("kind", ["app", "workspace"])


class Shelf:
    """The half of a store that keeps apps, or the one that keeps workspaces: both must behave alike."""

    def __init__(self, store: Store, kind: str) -> None:
        self._store = store
        self._is_app = kind == "app"

    async def put(self, key: str, name: str, version: int = 0) -> App | Workspace:
        if self._is_app:
            return await self._store.put_app(App(id=key, name=name, version=version))
        return await self._store.put_workspace(Workspace(id=key, name=name, apps=(), secrets=(), version=version))

    async def remove(self, key: str) -> None:
        await (self._store.remove_app if self._is_app else self._store.remove_workspace)(key)

    async def all(self) -> tuple[App | Workspace, ...]:
        contents = await self._store.load()
        return contents.apps if self._is_app else contents.workspaces

    async def names(self) -> dict[str, str]:
        return {one.id: one.name for one in await self.all()}


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
async def test_put_replaces_the_one_with_its_id_and_version(store: Store, kind: str) -> None:
    shelf = Shelf(store, kind)
    first = await shelf.put("1", "first")
    second = await shelf.put("2", "second")
    other = await shelf.put("1", "other", first.version)
    assert await shelf.names() == {"1": "other", "2": "second"}
    assert set(await shelf.all()) == {other, second}


@KINDS
async def test_every_replacement_adds_one_to_the_version(store: Store, kind: str) -> None:
    shelf = Shelf(store, kind)
    for version in range(5):
        put = await shelf.put("1", f"name {version}", version)
        assert (put.version, put.name) == (version + 1, f"name {version}")
        assert await shelf.all() == (put,)


@KINDS
@pytest.mark.parametrize("version", [1, 3, 4, 1_000_000, -1], ids="version {}".format)
@pytest.mark.parametrize("name", ["first", "other"])
async def test_what_was_changed_meanwhile_is_not_replaced(store: Store, kind: str, version: int, name: str) -> None:
    shelf = Shelf(store, kind)
    await shelf.put("1", "first")
    await shelf.put("1", "first", 1)
    before = await store.load()
    with pytest.raises(Changed, match=f"'{name}' was changed by somebody else at the same moment; try again"):
        await shelf.put("1", name, version)
    assert await store.load() == before
    assert (await shelf.put("1", name, 2)).version == 3


@KINDS
async def test_what_was_removed_meanwhile_does_not_come_back(store: Store, kind: str) -> None:
    shelf = Shelf(store, kind)
    put = await shelf.put("1", "first")
    await shelf.remove("1")
    before = await store.load()
    with pytest.raises(Changed):
        await shelf.put("1", "first", put.version)
    assert await store.load() == before


@KINDS
@pytest.mark.parametrize("name", ["first", "other"])
async def test_an_id_is_added_once(store: Store, kind: str, name: str) -> None:
    shelf = Shelf(store, kind)
    await shelf.put("1", "first")
    before = await store.load()
    with pytest.raises(StoreError):
        await shelf.put("1", name)
    assert await store.load() == before


@KINDS
async def test_an_id_that_exists_is_told_as_changed(store: Store, kind: str) -> None:
    shelf = Shelf(store, kind)
    await shelf.put("1", "first")
    with pytest.raises(Changed):
        await shelf.put("1", "other")


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
    for key, version in (("2", 1), ("3", 0)):
        with pytest.raises(NameTaken, match="the name 'first' is taken; choose another"):
            await shelf.put(key, "first", version)
    assert await store.load() == before


async def test_an_app_and_a_workspace_may_share_a_name_and_an_id(store: Store) -> None:
    app, workspace = App(id="1", name="Chat"), Workspace(id="1", name="Chat", apps=(), secrets=())
    await store.put_app(app)
    kept = await store.put_workspace(workspace)
    await store.remove_app("1")
    contents = await store.load()
    assert (contents.apps, contents.workspaces) == ((), (kept,))


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.put_app(APP),
        lambda store: store.put_app(msgspec.structs.replace(APP, id="app-0", created_at=1.0, version=1)),
        lambda store: store.remove_app("app-0"),
        lambda store: store.put_workspace(WORKSPACE),
        lambda store: store.put_workspace(
            msgspec.structs.replace(WORKSPACE, id="workspace-0", suspended=True, version=1)
        ),
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
_IDS = st.uuids().map(str)
_APPS = st.builds(App, id=_IDS, name=_TEXT, apns=st.none() | _APNS, fcm=st.none() | _FCM, created_at=_TIME)
_WORKSPACES = st.builds(
    Workspace,
    id=_IDS,
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
    put = await store.put_app(app), await store.put_workspace(workspace)
    assert put == (msgspec.structs.replace(app, version=1), msgspec.structs.replace(workspace, version=1))
    contents = await store.load()
    assert (contents.apps, contents.workspaces) == ((put[0],), (put[1],))
    await store.remove_app(app.id)
    await store.remove_workspace(workspace.id)


def some_records() -> list[Record]:
    return [
        *(delivered(key, at=float(at)) for at, key in enumerate("cab")),
        *(App(id=key, name=f"app {key}", version=5) for key in "dbca"),
        *(Workspace(id=key, name=f"workspace {key}", apps=(), secrets=(), version=6) for key in "bac"),
        *(Proof(key, 1.5) for key in ("b", "", "a")),
    ]


async def test_records_are_added_as_they_are_and_each_counts(store: Store) -> None:
    before = await store.revision()
    await store.add(some_records())
    contents = await store.load()
    assert {*contents.apps, *contents.workspaces} == {one for one in some_records() if isinstance(one, App | Workspace)}
    assert contents.proven == {"", "a", "b"}
    assert contents.revision == before + 7
    assert (await store.put_app(contents.apps[0])).version == 6


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 10])
@pytest.mark.parametrize(
    ("kind", "keys"), [(App, "abcd"), (Workspace, "abc"), (Proof, ["", "a", "b"]), (Delivery, "abc")]
)
async def test_records_come_page_by_page_in_the_order_of_their_keys(
    store: Store, kind: type[Record], keys: Sequence[str], limit: int
) -> None:
    await store.add(some_records())
    found, after = [], None
    while page := await store.page(kind, after, limit):
        assert len(page) <= limit
        found += page
        after = key_of(page[-1])
    assert [key_of(record) for record in found] == list(keys)
    assert set(found) == {record for record in some_records() if isinstance(record, kind)}


@KINDS
async def test_what_is_there_is_not_added_again(store: Store, kind: str) -> None:
    shelf = Shelf(store, kind)
    put = await shelf.put("1", "first")
    for version in (1, 2):
        with pytest.raises(Changed):
            await store.add([msgspec.structs.replace(put, name="other", version=version)])
    with pytest.raises(NameTaken):
        await store.add([msgspec.structs.replace(put, id="2")])
    assert await shelf.all() == (put,)


async def test_a_proof_that_is_added_again_takes_the_time_given(store: Store) -> None:
    await store.add([Proof("f1", 1.0)])
    await store.add([Proof("f1", 2.0), Proof("f2", 1.0)])
    assert await store.page(Proof, None, 9) == [Proof("f1", 2.0), Proof("f2", 1.0)]


_DELIVERIES = st.builds(
    Delivery,
    id=_IDS,
    at=_TIME,
    workspace=_TEXT,
    app=st.none() | _TEXT,
    platform=_TEXT,
    kind=st.none() | _TEXT,
    device=st.none() | _TEXT,
    outcome=_TEXT,
    reason=_TEXT,
    provider_status=st.none() | st.integers(0, 999),
    provider_words=_TEXT,
    provider_id=_TEXT,
    attempts=st.integers(0, 99),
    ms=st.floats(0, 1e9),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(delivery=_DELIVERIES)
async def test_every_field_of_a_delivery_comes_back_as_it_was(store: Store, delivery: Delivery) -> None:
    await store.add([delivery])
    assert await store.deliveries(DeliveryQuery(), None, 9) == [delivery]
    assert await store.page(Delivery, None, 9) == [delivery]
    assert await store.remove_deliveries(2e12, 9) == 1


async def test_deliveries_leave_the_revision_alone(store: Store) -> None:
    before = await store.revision()
    await store.add([delivered("a"), delivered("b")])
    await store.remove_deliveries(2000.0, 1)
    assert await store.revision() == before


async def test_a_delivery_that_is_there_stays_and_those_with_it_are_added(store: Store) -> None:
    first, second = delivered("a", at=1.0), delivered("b", at=2.0)
    await store.add([first])
    await store.add([delivered("a", at=9.0, reason="starting"), second])
    assert await store.deliveries(DeliveryQuery(), None, 9) == [second, first]


LOG = [
    delivered("1", at=10.0, device="ab12" + "0" * 60),
    delivered("2", at=20.0, device="ab13" + "0" * 60, app="other"),
    delivered("3", at=30.0, device="ac12" + "f" * 60, outcome="rejected", reason="apns_bad_topic"),
    delivered("4", at=40.0, device="ab12" + "0" * 60, outcome="token_dead", reason="apns_unregistered"),
    delivered("5", at=50.0, device=None, app=None, workspace="example", outcome="rejected", reason="invalid_json"),
]


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        (DeliveryQuery(), "54321"),
        (DeliveryQuery(oldest_first=True), "12345"),
        (DeliveryQuery(workspace="acme"), "4321"),
        (DeliveryQuery(workspace="nobody"), ""),
        (DeliveryQuery(app="other"), "2"),
        (DeliveryQuery(outcome="rejected"), "53"),
        (DeliveryQuery(reason="apns_bad_topic"), "3"),
        (DeliveryQuery(device="ab12"), "41"),
        (DeliveryQuery(device="ab12" + "0" * 60), "41"),
        (DeliveryQuery(device="ab"), "421"),
        (DeliveryQuery(device="ac12f"), "3"),
        (DeliveryQuery(device="b"), ""),
        (DeliveryQuery(since=20.0), "5432"),
        (DeliveryQuery(until=20.0), "1"),
        (DeliveryQuery(since=20.0, until=40.0, oldest_first=True), "23"),
        (DeliveryQuery(outcome="rejected", workspace="acme"), "3"),
        (DeliveryQuery(device="ab", app="chat", since=15.0), "4"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("limit", [1, 2, 9])
async def test_of_the_log_comes_what_is_wanted_page_by_page(
    store: Store, wanted: DeliveryQuery, keys: str, limit: int
) -> None:
    await store.add(LOG)
    found: list[Delivery] = []
    while page := await store.deliveries(wanted, found[-1] if found else None, limit):
        assert len(page) <= limit
        found += page
    assert "".join(delivery.id for delivery in found) == keys


@pytest.mark.parametrize("oldest_first", [True, False])
async def test_deliveries_of_one_moment_come_in_the_order_of_their_ids_on_any_page(
    store: Store, oldest_first: bool
) -> None:
    await store.add([delivered(key) for key in "cadb"])
    wanted = DeliveryQuery(oldest_first=oldest_first)
    first = await store.deliveries(wanted, None, 2)
    second = await store.deliveries(wanted, first[-1], 2)
    assert [delivery.id for delivery in first + second] == sorted("abcd", reverse=not oldest_first)
    assert await store.deliveries(wanted, second[-1], 2) == []


async def test_the_oldest_deliveries_are_removed_first_and_no_more_than_allowed(store: Store) -> None:
    await store.add(LOG)
    assert await store.remove_deliveries(40.0, 2) == 2
    assert "".join(one.id for one in await store.deliveries(DeliveryQuery(), None, 9)) == "543"
    assert await store.remove_deliveries(40.0, 2) == 1
    assert await store.remove_deliveries(40.0, 2) == 0
    assert "".join(one.id for one in await store.deliveries(DeliveryQuery(), None, 9)) == "54"


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
    put = await asyncio.gather(*(stores[number % 4].put_app(app) for number, app in enumerate(apps)))
    contents = await stores[0].load()
    assert {(app.id, app.name) for app in put} == {(app.id, app.name) for app in apps}
    assert set(contents.apps) == set(put)
    assert contents.revision == before + 40


async def test_of_concurrent_takers_of_a_name_one_gets_it(open_store: OpenStore) -> None:
    stores = [await open_store() for _ in range(4)]
    takers = (store.put_app(App(id=f"app-{number}", name="Chat")) for number, store in enumerate(stores))
    results = await asyncio.gather(*takers, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["App"] + ["NameTaken"] * 3


@KINDS
async def test_of_concurrent_changers_of_one_version_one_wins_and_the_others_hear_of_it(
    open_store: OpenStore, kind: str
) -> None:
    shelves = [Shelf(await open_store(), kind) for _ in range(4)]
    first = await shelves[0].put("1", "first")
    before = (await (await open_store()).load()).revision
    changes = (shelf.put("1", f"name {number}", first.version) for number, shelf in enumerate(shelves * 3))
    results = await asyncio.gather(*changes, return_exceptions=True)
    won = [result for result in results if not isinstance(result, Changed)]
    assert won == list(await shelves[0].all())
    assert [result.version for result in won] == [2]
    assert (await (await open_store()).load()).revision == before + 1


async def test_a_load_amid_changes_is_of_one_revision(open_store: OpenStore) -> None:
    writer, reader = await open_store(), await open_store()
    start = await writer.revision()
    loads = []

    async def write() -> None:
        app = APP
        for revision in range(start + 1, start + 101):
            app = await writer.put_app(msgspec.structs.replace(app, created_at=float(revision)))

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
        lambda store: store.page(App, None, 1),
        lambda store: store.add([APP]),
        lambda store: store.deliveries(DeliveryQuery(), None, 1),
        lambda store: store.remove_deliveries(1.0, 1),
    ],
    ids=[
        "revision",
        "load",
        "put_app",
        "remove_app",
        "put_workspace",
        "remove_workspace",
        "add_proof",
        "page",
        "add",
        "deliveries",
        "remove_deliveries",
    ],
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
    put = await putting
    await store.close()
    assert (await (await open_store()).load()).apps == (put,)
    assert (put.id, put.name) == (APP.id, APP.name)
