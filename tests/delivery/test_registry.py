"""Adding, changing and removing apps and workspaces, on a real store."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.fernet import Fernet

from gateway.delivery.admission import SECRET_PURPOSE
from gateway.delivery.registry import Issued, Registry
from gateway.model.app import ApnsCredentials, FcmCredentials
from gateway.model.errors import InUse, NameTaken, SettingsError, UnknownName
from gateway.model.secret import Secret
from gateway.model.workspace import SecretHash
from gateway.store.crypto import Vault
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock

APNS = ApnsCredentials(topics=("com.example.chat",), key="apple-key-text", fingerprint="f1")
FCM = FcmCredentials(project_id="example", client_email="push@example.com", service_account="{}", fingerprint="f2")
VAULT = Vault([Fernet.generate_key().decode()], "lookup")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(tmp_path / "gateway.db", lambda is_new: VAULT)
    yield store
    await store.close()


@pytest.fixture
def registry(store: SqliteStore, clock: ManualClock) -> Registry:
    return Registry(store, VAULT, clock)


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
    assert await registry.replace_credentials("Chat", new_apns, None) == msgspec.structs.replace(app, apns=new_apns)
    changed = await registry.replace_credentials("Chat", None, new_fcm)
    assert changed == msgspec.structs.replace(app, apns=new_apns, fcm=new_fcm)
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
    issued = await registry.add_workspace("Example", ("Other", "Chat", "Other"), "unique", ("10.0.0.0/8",))
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
    workspace = (await registry.add_workspace("Example", ("Chat",), "unique", ("10.0.0.0/8",))).workspace
    assert await registry.update_workspace("Example") == workspace
    for given, expected in (
        ({"apps": ("Other", "Chat")}, {"apps": (other.id, chat.id)}),
        ({"unique_id": "another"}, {"unique_id": "another"}),
        ({"allow_from": ("192.0.2.0/24",)}, {"allow_from": ("192.0.2.0/24",)}),
        ({"suspended": True}, {"suspended": True}),
    ):
        workspace = msgspec.structs.replace(workspace, **expected)
        assert await registry.update_workspace("Example", **given) == workspace
        assert await registry.workspace("Example") == workspace


async def test_pin_ranges_apps_and_suspension_can_be_taken_back(registry: Registry) -> None:
    await registry.add_app("Chat", APNS, None)
    await registry.add_workspace("Example", ("Chat",), "unique", ("10.0.0.0/8",))
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
    return await registry.add_workspace("Example", ("Chat",), "unique", ("10.0.0.0/8",))


async def test_rotation_without_grace_forgets_the_old_secret_at_once(registry: Registry) -> None:
    old = await example(registry)
    new = await registry.rotate("Example")
    assert new.secret != old.secret
    assert (await registry.workspace("Example")).secrets == (SecretHash(hash_of(new.secret)),)
    assert msgspec.structs.replace(new.workspace, secrets=()) == msgspec.structs.replace(old.workspace, secrets=())


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
