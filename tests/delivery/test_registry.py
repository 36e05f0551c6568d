"""Adding, changing and removing apps and workspaces, on a real store."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from gateway.delivery.admission import SECRET_PURPOSE
from gateway.delivery.registry import RETRIES, Issued, Registry
from gateway.model.app import ApnsCredentials, FcmCredentials
from gateway.model.errors import Changed, InUse, NameTaken, SettingsError, UnknownName
from gateway.model.limits import Limits
from gateway.model.notice import Notice, NoticeKind
from gateway.model.secret import Secret
from gateway.model.workspace import SecretHash, Workspace
from gateway.store.port import Contents
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.conftest import VAULT, OpenStore

APNS = ApnsCredentials(topics=("com.example.chat",), key="apple-key-text", fingerprint="f1")
FCM = FcmCredentials(project_id="example", client_email="push@example.com", service_account="{}", fingerprint="f2")


def hash_of(secret: Secret) -> str:
    return VAULT.lookup_hash(SECRET_PURPOSE, secret.reveal())


async def working(registry: Registry, name: str, now: float) -> set[str]:
    """The hashes by which a workspace is recognised at `now`."""
    secrets = (await registry.workspace(name)).secrets
    return {secret.hash for secret in secrets if secret.until is None or secret.until > now}


async def test_an_app_is_added_with_a_new_id_and_its_time(registry: Registry, clock: ManualClock) -> None:
    app = await registry.add_app("Chat", APNS, FCM)
    other = await registry.add_app("Other", None, FCM)
    assert (app.name, app.apns, app.fcm, app.created_at) == ("Chat", APNS, FCM, clock.now())
    assert app.id != other.id
    assert (await registry.contents()).apps == (app, other)
    assert await registry.app("Chat") == app


@pytest.mark.parametrize("name", ["a", "7", "Chat", "Chat for iOS 2.0", "a@b_c-d.e", "x" * 64])
async def test_names_may_have_these_forms(registry: Registry, name: str) -> None:
    assert (await registry.add_app(name, APNS, None)).name == name
    assert (await registry.add_workspace(name, (name,))).workspace.name == name


@pytest.mark.parametrize(
    "name", ["", " ", " Chat", "Chat ", "-chat", "chat.", "a/b", "a\nb", "Chat\n", "Chät", "x" * 65]
)
async def test_other_names_are_refused(registry: Registry, name: str) -> None:
    await registry.add_app("Chat", APNS, None)
    for adding in (registry.add_app(name, APNS, None), registry.add_workspace(name, ("Chat",))):
        with pytest.raises(SettingsError, match="is not 1 to 64 letters, digits, spaces and") as caught:
            await adding
        assert repr(name) in str(caught.value)
    contents = await registry.contents()
    assert (len(contents.apps), len(contents.workspaces)) == (1, 0)


async def test_a_name_taken_is_refused(registry: Registry) -> None:
    await registry.add_app("Chat", APNS, None)
    await registry.add_workspace("Example", ("Chat",))
    before = await registry.contents()
    for adding in (registry.add_app("Chat", None, FCM), registry.add_workspace("Example", ("Chat",))):
        with pytest.raises(NameTaken, match="is taken; choose another"):
            await adding
    assert await registry.contents() == before


async def test_credentials_are_replaced_one_platform_at_a_time(registry: Registry) -> None:
    app = await registry.add_app("Chat", APNS, FCM)
    new_apns = msgspec.structs.replace(APNS, key="next-key-text", fingerprint="f3")
    new_fcm = msgspec.structs.replace(FCM, project_id="next", fingerprint="f4")
    changed = await registry.replace_credentials("Chat", new_apns, None)
    assert changed == msgspec.structs.replace(app, apns=new_apns, version=2)
    changed = await registry.replace_credentials("Chat", None, new_fcm)
    assert changed == msgspec.structs.replace(app, apns=new_apns, fcm=new_fcm, version=3)
    assert await registry.app("Chat") == changed


async def test_an_app_is_removed(registry: Registry) -> None:
    app = await registry.add_app("Chat", APNS, None)
    assert await registry.remove_app("Chat") == app
    assert (await registry.contents()).apps == ()


async def test_an_app_in_use_stays_and_its_users_are_named(registry: Registry) -> None:
    await registry.add_app("Chat", APNS, None)
    for name in ("Example", "Other"):
        await registry.add_workspace(name, ("Chat",))
    with pytest.raises(InUse, match="the app 'Chat' is used by Example, Other; remove it there first"):
        await registry.remove_app("Chat")
    assert (await registry.app("Chat")).name == "Chat"
    await registry.remove_workspace("Example")
    await registry.remove_workspace("Other")
    await registry.remove_app("Chat")


UNKNOWN_APP: list[Callable[[Registry], Awaitable[object]]] = [
    lambda registry: registry.app("Chess"),
    lambda registry: registry.remove_app("Chess"),
    lambda registry: registry.replace_credentials("Chess", APNS, None),
    lambda registry: registry.add_workspace("New", ("Chat", "Chess")),
    lambda registry: registry.update_workspace("Example", apps=("Chess",)),
]
UNKNOWN_WORKSPACE: list[Callable[[Registry], Awaitable[object]]] = [
    lambda registry: registry.workspace("Chess"),
    lambda registry: registry.remove_workspace("Chess"),
    lambda registry: registry.update_workspace("Chess", suspended=True),
    lambda registry: registry.rotate("Chess"),
]


@pytest.mark.parametrize(
    ("use", "words"),
    [
        *((use, "there is no app 'Chess'; there is Chat") for use in UNKNOWN_APP),
        *((use, "there is no workspace 'Chess'; there is Example") for use in UNKNOWN_WORKSPACE),
    ],
)
async def test_an_unknown_name_is_told_with_those_there_are(
    registry: Registry, use: Callable[[Registry], Awaitable[object]], words: str
) -> None:
    await registry.add_app("Chat", APNS, None)
    await registry.add_workspace("Example", ("Chat",))
    before = await registry.contents()
    with pytest.raises(UnknownName) as caught:
        await use(registry)
    assert str(caught.value) == words
    assert await registry.contents() == before


async def test_of_an_empty_registry_it_is_said_that_there_is_none_yet(registry: Registry) -> None:
    with pytest.raises(UnknownName, match="there is no app 'Chat'; there is none yet"):
        await registry.app("Chat")
    with pytest.raises(UnknownName, match="there is no workspace 'Example'; there is none yet"):
        await registry.workspace("Example")


async def test_of_many_names_twenty_are_listed(registry: Registry) -> None:
    for number in range(20):
        await registry.add_app(f"app-{number:02}", APNS, None)
    with pytest.raises(UnknownName, match=r"app-18, app-19$"):
        await registry.app("Chat")
    await registry.add_app("app-20", APNS, None)
    with pytest.raises(UnknownName, match=r"app-18, app-19, \.\.\.$"):
        await registry.app("Chat")


async def test_a_workspace_is_added_with_its_apps_in_the_order_given(registry: Registry, clock: ManualClock) -> None:
    chat, other = await registry.add_app("Chat", APNS, None), await registry.add_app("Other", None, FCM)
    apps = ("Other", "Chat", "Other")
    issued = await registry.add_workspace("Example", apps, unique_id="unique", allow_from=("10.0.0.0/8",))
    workspace = issued.workspace
    assert workspace.apps == (other.id, chat.id)
    assert (workspace.unique_id, workspace.allow_from) == ("unique", ("10.0.0.0/8",))
    assert (workspace.suspended, workspace.created_at) == (False, clock.now())
    assert await registry.workspace("Example") == workspace


async def test_a_secret_is_long_new_and_shown_by_no_repr(registry: Registry) -> None:
    await registry.add_app("Chat", APNS, None)
    issued = [await registry.add_workspace(f"Example {number}", ("Chat",)) for number in range(3)]
    secrets = {one.secret.reveal() for one in issued}
    assert len(secrets) == 3
    assert all(len(secret) >= 43 for secret in secrets)
    assert not any(secret in repr(issued) for secret in secrets)


async def test_secrets_are_kept_as_hashes_only(registry: Registry, store: SqliteStore) -> None:
    await registry.add_app("Chat", APNS, None)
    first = await registry.add_workspace("Example", ("Chat",))
    second = await registry.rotate("Example", grace=60.0)
    (kept,) = (await store.load()).workspaces
    assert [secret.hash for secret in kept.secrets] == [hash_of(second.secret), hash_of(first.secret)]
    written = msgspec.json.encode(kept).decode()
    assert first.secret.reveal() not in written
    assert second.secret.reveal() not in written


async def test_only_what_is_given_of_a_workspace_changes(registry: Registry) -> None:
    chat, other = await registry.add_app("Chat", APNS, None), await registry.add_app("Other", None, FCM)
    issued = await registry.add_workspace("Example", ("Chat",), unique_id="unique", allow_from=("10.0.0.0/8",))
    workspace = issued.workspace
    assert workspace.version == 1
    unchanged = await registry.update_workspace("Example")
    assert unchanged == msgspec.structs.replace(workspace, version=2)
    for version, (given, expected) in enumerate(
        (
            ({"apps": ("Other", "Chat")}, {"apps": (other.id, chat.id)}),
            ({"unique_id": "another"}, {"unique_id": "another"}),
            ({"allow_from": ("192.0.2.0/24",)}, {"allow_from": ("192.0.2.0/24",)}),
            ({"suspended": True}, {"suspended": True}),
        ),
        start=3,
    ):
        workspace = msgspec.structs.replace(workspace, **expected, version=version)
        assert await registry.update_workspace("Example", **given) == workspace
        assert await registry.workspace("Example") == workspace


async def test_pin_ranges_apps_and_suspension_can_be_taken_back(registry: Registry) -> None:
    await registry.add_app("Chat", APNS, None)
    await registry.add_workspace("Example", ("Chat",), unique_id="unique", allow_from=("10.0.0.0/8",))
    await registry.update_workspace("Example", suspended=True)
    bare = await registry.update_workspace("Example", apps=(), unique_id="", allow_from=(), suspended=False)
    assert (bare.apps, bare.unique_id, bare.allow_from, bare.suspended) == ((), None, (), False)


async def test_a_removed_workspace_is_gone(registry: Registry) -> None:
    await registry.add_app("Chat", APNS, None)
    issued = await registry.add_workspace("Example", ("Chat",))
    assert await registry.remove_workspace("Example") == issued.workspace
    assert (await registry.contents()).workspaces == ()


async def example(registry: Registry) -> Issued:
    await registry.add_app("Chat", APNS, None)
    return await registry.add_workspace("Example", ("Chat",), unique_id="unique", allow_from=("10.0.0.0/8",))


async def test_rotation_without_grace_forgets_the_old_secret_at_once(registry: Registry) -> None:
    old = await example(registry)
    new = await registry.rotate("Example")
    assert new.secret != old.secret
    assert (await registry.workspace("Example")).secrets == (SecretHash(hash_of(new.secret)),)
    expected = msgspec.structs.replace(old.workspace, secrets=new.workspace.secrets, version=2)
    assert new.workspace == expected


async def test_rotation_with_grace_lets_the_old_secret_work_until_then(registry: Registry, clock: ManualClock) -> None:
    old = await example(registry)
    new = await registry.rotate("Example", grace=60.0)
    await clock.advance(59.0)
    assert await working(registry, "Example", clock.now()) == {hash_of(old.secret), hash_of(new.secret)}
    await clock.advance(1.0)
    assert await working(registry, "Example", clock.now()) == {hash_of(new.secret)}


async def test_a_second_rotation_never_prolongs_a_secret(registry: Registry, clock: ManualClock) -> None:
    first = await example(registry)
    second = await registry.rotate("Example", grace=60.0)
    await clock.advance(30.0)
    third = await registry.rotate("Example", grace=600.0)
    now = clock.now()
    assert (await registry.workspace("Example")).secrets == (
        SecretHash(hash_of(third.secret)),
        SecretHash(hash_of(second.secret), now + 600.0),
        SecretHash(hash_of(first.secret), now + 30.0),
    )


async def test_a_rotation_may_shorten_the_grace_of_an_older_secret(registry: Registry, clock: ManualClock) -> None:
    first = await example(registry)
    await registry.rotate("Example", grace=600.0)
    await registry.rotate("Example", grace=60.0)
    await clock.advance(60.0)
    assert hash_of(first.secret) not in await working(registry, "Example", clock.now())


async def test_rotation_forgets_secrets_that_are_over(registry: Registry, clock: ManualClock) -> None:
    await example(registry)
    second = await registry.rotate("Example", grace=60.0)
    await clock.advance(60.0)
    third = await registry.rotate("Example", grace=60.0)
    kept = [secret.hash for secret in (await registry.workspace("Example")).secrets]
    assert kept == [hash_of(third.secret), hash_of(second.secret)]


@pytest.fixture
async def colleagues(open_store: OpenStore, registry: Registry, clock: ManualClock) -> tuple[Registry, Registry]:
    """Two operators, each with a store object of their own on the one file."""
    return registry, Registry(await open_store(), VAULT, clock)


Colleagues = tuple[Registry, Registry]


@pytest.mark.parametrize("attempt", range(5))
async def test_changes_of_one_workspace_at_the_same_moment_all_survive(colleagues: Colleagues, attempt: int) -> None:
    here, there = colleagues
    first = await example(here)
    other = await here.add_app("Other", None, FCM)
    rotated, _, _, _, rotated_there, _ = await asyncio.gather(
        here.rotate("Example", grace=60.0),
        there.update_workspace("Example", suspended=True),
        here.update_workspace("Example", unique_id="another"),
        there.update_workspace("Example", allow_from=("192.0.2.0/24",)),
        there.rotate("Example", grace=60.0),
        here.update_workspace("Example", apps=("Other",)),
    )
    kept = await there.workspace("Example")
    assert {secret.hash for secret in kept.secrets} == {hash_of(one.secret) for one in (first, rotated, rotated_there)}
    assert sum(secret.until is None for secret in kept.secrets) == 1
    assert (kept.suspended, kept.unique_id) == (True, "another")
    assert (kept.allow_from, kept.apps) == (("192.0.2.0/24",), (other.id,))
    assert kept.version == first.workspace.version + 6


async def test_credentials_of_both_platforms_replaced_at_the_same_moment_are_both_there(
    colleagues: Colleagues,
) -> None:
    here, there = colleagues
    app = await here.add_app("Chat", APNS, FCM)
    apns, fcm = msgspec.structs.replace(APNS, fingerprint="f3"), msgspec.structs.replace(FCM, fingerprint="f4")
    await asyncio.gather(here.replace_credentials("Chat", apns, None), there.replace_credentials("Chat", None, fcm))
    assert await here.app("Chat") == msgspec.structs.replace(app, apns=apns, fcm=fcm, version=3)


async def test_of_many_rotations_at_once_every_one_survives_or_is_told(colleagues: Colleagues) -> None:
    first = await example(colleagues[0])
    rotations = (registry.rotate("Example", grace=60.0) for registry in colleagues * (RETRIES * 2))
    results = await asyncio.gather(*rotations, return_exceptions=True)
    issued = [one for one in results if isinstance(one, Issued)]
    told = [one for one in results if isinstance(one, Changed)]
    assert len(issued) + len(told) == 4 * RETRIES
    assert len(issued) > RETRIES
    kept = await colleagues[1].workspace("Example")
    assert {secret.hash for secret in kept.secrets} == {hash_of(one.secret) for one in (first, *issued)}
    assert kept.version == 1 + len(issued)


class Busy:
    """A store in which a colleague is always faster."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.puts = 0

    async def load(self) -> Contents:
        return await self._store.load()

    async def put_workspace(self, workspace: Workspace) -> Workspace:
        self.puts += 1
        (present,) = (await self._store.load()).workspaces
        await self._store.put_workspace(msgspec.structs.replace(present, unique_id=f"pin {self.puts}"))
        return await self._store.put_workspace(workspace)


async def test_who_always_loses_is_told_and_has_changed_nothing(
    registry: Registry, store: SqliteStore, clock: ManualClock
) -> None:
    first = await example(registry)
    busy = Busy(store)
    with pytest.raises(Changed, match="'Example' was changed by somebody else at the same moment; try again"):
        await Registry(busy, VAULT, clock).update_workspace("Example", suspended=True)
    assert busy.puts == RETRIES + 1
    kept = await registry.workspace("Example")
    assert kept == msgspec.structs.replace(first.workspace, unique_id=f"pin {busy.puts}", version=1 + busy.puts)


@pytest.mark.parametrize("attempt", range(5))
async def test_a_workspace_removed_amid_changes_stays_removed(colleagues: Colleagues, attempt: int) -> None:
    here, there = colleagues
    await example(here)
    results = await asyncio.gather(
        here.rotate("Example"),
        there.remove_workspace("Example"),
        here.update_workspace("Example", suspended=True),
        return_exceptions=True,
    )
    assert (await there.contents()).workspaces == ()
    errors = [one for one in results if isinstance(one, BaseException)]
    assert all(isinstance(error, UnknownName) for error in errors)


async def test_of_colleagues_who_take_one_name_one_gets_it(colleagues: Colleagues) -> None:
    await colleagues[0].add_app("Chat", APNS, None)
    adding = (registry.add_workspace("Example", ("Chat",)) for registry in colleagues * 4)
    results = await asyncio.gather(*adding, return_exceptions=True)
    (issued,) = [one for one in results if not isinstance(one, NameTaken)]
    assert (await colleagues[0].contents()).workspaces == (issued.workspace,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fixed_text": "Alice: hello"}, "fixed_text: it cannot have a colon, for Android shows only what comes after"),
        ({"fixed_text": "x" * 201}, "fixed_text: expected one line of at most 200 characters"),
        ({"fixed_text": "two\nlines"}, "fixed_text: expected one line of at most 200 characters"),
        ({"limits": Limits(rate=-0.5)}, "limits.rate: expected 0 to 1000000000000, got -0.5"),
        ({"limits": Limits(rate=float("nan"))}, "limits.rate: expected 0 to 1000000000000, got nan"),
        ({"limits": Limits(outbox=-1)}, "limits.outbox: expected 0 to 1000000000000, got -1"),
        ({"allow_from": ("10.0.0.0/99",)}, "allow_from: "),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field_and_changes_nothing(
    registry: Registry, changes: dict[str, Any], words: str
) -> None:
    await example(registry)
    before = await registry.contents()
    with pytest.raises(SettingsError) as caught:
        await registry.update_workspace("Example", **changes)
    assert str(caught.value).startswith(words)
    assert await registry.contents() == before


async def test_an_apps_limits_are_checked_too(registry: Registry) -> None:
    for adding in (
        registry.add_app("Chat", APNS, None, Limits(burst=-1)),
        registry.update_app("Chat", limits=Limits(burst=-1)),
    ):
        with pytest.raises(SettingsError, match=r"limits\.burst: expected 0 to 1000000000000, got -1"):
            await adding
    assert (await registry.contents()).apps == ()


GIVEN = Secret("a-secret-that-is-long-enough~._")


async def test_a_secret_that_is_given_is_the_only_one(registry: Registry) -> None:
    await example(registry)
    changed = await registry.set_secret("Example", GIVEN)
    assert changed.secrets == (SecretHash(hash_of(GIVEN)),)
    assert await registry.set_secret("Example", GIVEN) == changed == await registry.workspace("Example")


@pytest.mark.parametrize("secret", ["short", "x" * 23, "with a space in it, and long", "with/a/slash/that/is/no/good"])
async def test_a_secret_that_cannot_be_one_is_refused_with_how_to_make_one_and_not_shown(
    registry: Registry, secret: str
) -> None:
    before = (await example(registry)).workspace
    for use in (registry.set_secret("Example", Secret(secret)), registry.add_workspace("New", (), Secret(secret))):
        with pytest.raises(SettingsError, match=r"secret: expected 24 or more .* python3 -c") as caught:
            await use
        assert secret not in str(caught.value)
    assert (await registry.contents()).workspaces == (before,)


async def test_the_troubles_of_an_app_are_told_in_the_providers_words(
    registry: Registry, store: SqliteStore, clock: ManualClock
) -> None:
    refused = Notice(
        kind=NoticeKind.CREDENTIALS_REFUSED,
        subject="Chat",
        about="apns",
        words="403 InvalidProviderToken",
        at=clock.now(),
        until=clock.now() + 60.0,
    )
    paused = Notice(kind=NoticeKind.FORWARDING_PAUSED, subject="Chat", at=clock.now())
    for notice in (refused, paused):
        await store.notices.post(notice)
    assert await registry.troubles() == {"Chat": ["credentials refused (apns): 403 InvalidProviderToken"]}
    await clock.advance(60.0)
    assert await registry.troubles() == {}
