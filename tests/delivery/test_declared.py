"""What is declared becomes so, and no more than once: on a real store."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from gateway.delivery.applying import Applied, apply_steps
from gateway.delivery.declared import Declared, DeclaredApp, DeclaredWorkspace, Difference, Field, difference
from gateway.delivery.registry import Registry
from gateway.model.app import ApnsCredentials, ApnsEnvironment, FcmCredentials
from gateway.model.clock import SystemClock
from gateway.model.errors import NameTaken, SettingsError
from gateway.model.limits import Limits
from gateway.model.notification_rules import NotificationRules, Rule
from gateway.model.secret import Secret
from gateway.model.workspace import FIXED_TEXT, Content
from gateway.store.sqlite import SqliteStore
from tests.delivery.conftest import VAULT

APNS = ApnsCredentials(topics=("com.example.chat",), key="apple-key-text", key_id="K", fingerprint="f1")
FCM = FcmCredentials(project_id="example", client_email="push@example.com", service_account="{}", fingerprint="f2")
SECRET, OTHER_SECRET = Secret("a-secret-of-24-characters"), Secret("another-one-of-24-characters")
PLAIN: dict[str, Any] = {
    "unique_id": None,
    "allow_from": (),
    "content": Content.FULL,
    "fixed_text": FIXED_TEXT,
    "forward": False,
    "limits": Limits(),
    "rules": NotificationRules(),
}


def app(name: str = "chat", **given: Any) -> DeclaredApp:
    return DeclaredApp(**{"place": f"file: {name}", "name": name, "apns": APNS, "fcm": FCM, **given})


def workspace(name: str = "acme", secret: Secret | None = None, **traits: Any) -> DeclaredWorkspace:
    return DeclaredWorkspace(f"file: {name}", name, {"apps": ("chat",), **PLAIN, **traits}, secret)  # type: ignore[typeddict-item]


def declared(*things: DeclaredApp | DeclaredWorkspace) -> Declared:
    return Declared(
        tuple(one for one in things if isinstance(one, DeclaredApp)),
        tuple(one for one in things if isinstance(one, DeclaredWorkspace)),
    )


async def found(registry: Registry, wanted: Declared, prunes: bool = False) -> Difference:
    return difference(wanted, await registry.contents(), registry.hash_of, prunes)


async def made_so(registry: Registry, wanted: Declared, prunes: bool = False) -> Applied:
    applied = await apply_steps(registry, (await found(registry, wanted, prunes)).steps)
    assert applied.failure is None
    return applied


def told(difference: Difference) -> list[tuple[str, str, str]]:
    return [(step.action.value, step.kind, step.name) for step in difference.steps]


def names(applied: Applied) -> list[str]:
    return [issued.workspace.name for issued in applied.issued]


async def test_apps_come_before_the_workspaces_that_use_them(registry: Registry) -> None:
    wanted = declared(workspace(), app("chat"), app("other"))
    assert told(await found(registry, wanted)) == [
        ("added", "app", "chat"),
        ("added", "app", "other"),
        ("added", "workspace", "acme"),
    ]
    await made_so(registry, wanted)
    chat = await registry.app("chat")
    assert (chat.apns, chat.fcm) == (APNS, FCM)
    assert (await registry.workspace("acme")).apps == (chat.id,)


async def test_a_second_time_nothing_is_written(registry: Registry) -> None:
    wanted = declared(app(limits=Limits(rate=5.0)), workspace(secret=SECRET, content=Content.GENERIC))
    await made_so(registry, wanted)
    before = await registry.contents()
    assert await found(registry, wanted, prunes=True) == Difference((), (), 2)
    assert await made_so(registry, wanted) == Applied((), ())
    assert await registry.contents() == before


async def test_what_changes_is_told_field_by_field(registry: Registry) -> None:
    await made_so(registry, declared(app(limits=Limits(rate=5.0)), workspace()))
    apns = structs.replace(APNS, environment=ApnsEnvironment.AUTO, key="next-key-text", fingerprint="f3")
    wanted = declared(
        app(apns=apns, fcm=None, limits=Limits(burst=9)),
        workspace(
            unique_id="U1", forward=True, limits=Limits(outbox=0), rules=NotificationRules(off=(Rule.RECEIVER_BUSY,))
        ),
    )
    chat, acme = (await found(registry, wanted)).steps
    assert chat.fields == (
        Field("apns.environment", ApnsEnvironment.PRODUCTION, ApnsEnvironment.AUTO),
        Field("apns.key", Secret("apple-key-text"), Secret("next-key-text")),
        Field("fcm.project_id", "example", None),
        Field("fcm.client_email", "push@example.com", None),
        Field("fcm.service_account", Secret("{}"), None),
        Field("limits.rate", 5.0, None),
        Field("limits.burst", None, 9),
    )
    assert acme.fields == (
        Field("unique_id", None, "U1"),
        Field("forward", False, True),
        Field("rules.off", (Rule.ALWAYS_MOBILE_OFF,), (Rule.RECEIVER_BUSY,)),
        Field("limits.outbox", None, 0),
    )
    await made_so(registry, wanted)
    assert ((await registry.app("chat")).apns, (await registry.app("chat")).fcm) == (apns, None)
    assert (await registry.workspace("acme")).forward


async def test_no_key_and_no_secret_is_seen_in_a_difference(registry: Registry) -> None:
    shown = repr(await found(registry, declared(app(), workspace(secret=SECRET))))
    assert APNS.key not in shown
    assert SECRET.reveal() not in shown
    assert registry.hash_of(SECRET).hash not in shown


async def test_a_workspace_without_a_secret_gets_one_when_it_is_added_only(registry: Registry) -> None:
    assert names(await made_so(registry, declared(app(), workspace()))) == ["acme"]
    secrets = (await registry.workspace("acme")).secrets
    assert names(await made_so(registry, declared(app(), workspace(forward=True)))) == []
    assert (await registry.workspace("acme")).secrets == secrets


async def test_a_declared_secret_is_the_only_one_and_given_back_to_nobody(registry: Registry) -> None:
    assert names(await made_so(registry, declared(app(), workspace(secret=SECRET)))) == []
    await registry.rotate("acme", grace=60.0)
    (step,) = (await found(registry, declared(app(), workspace(secret=OTHER_SECRET)))).steps
    assert [field.name for field in step.fields] == ["secret"]
    await made_so(registry, declared(app(), workspace(secret=OTHER_SECRET)))
    assert (await registry.workspace("acme")).secrets == (registry.hash_of(OTHER_SECRET),)


async def test_what_is_on_hold_or_suspended_stays_so_unless_declared(registry: Registry) -> None:
    await made_so(registry, declared(app(), workspace()))
    await registry.update_app("chat", held=True)
    await registry.update_workspace("acme", held=True, suspended=True)
    await made_so(registry, declared(app(limits=Limits(rate=1.0)), workspace(forward=True)))
    acme = await registry.workspace("acme")
    assert ((await registry.app("chat")).held, acme.held, acme.suspended) == (True, True, True)
    await made_so(registry, declared(app(), workspace(suspended=False)))
    acme = await registry.workspace("acme")
    assert (acme.held, acme.suspended) == (True, False)


async def test_what_is_not_declared_is_left_alone_or_goes_workspaces_first(registry: Registry) -> None:
    await made_so(registry, declared(app("chat"), app("old"), workspace("acme"), workspace("gone", apps=("old",))))
    wanted = declared(app("chat"), workspace("acme"))
    assert await found(registry, wanted) == Difference((), (("workspace", "gone"), ("app", "old")), 2)
    assert told(await found(registry, wanted, prunes=True)) == [
        ("removed", "workspace", "gone"),
        ("removed", "app", "old"),
    ]
    await made_so(registry, wanted, prunes=True)
    contents = await registry.contents()
    assert [one.name for one in (*contents.apps, *contents.workspaces)] == ["chat", "acme"]


async def test_an_app_goes_once_the_workspace_that_stays_has_let_go_of_it(registry: Registry) -> None:
    await made_so(registry, declared(app("chat"), app("old"), workspace(apps=("old", "chat"))))
    await made_so(registry, declared(app("chat"), workspace(apps=("chat",))), prunes=True)
    assert [one.name for one in (await registry.contents()).apps] == ["chat"]


async def test_an_app_that_is_there_may_be_used_undeclared_unless_it_is_to_go(registry: Registry) -> None:
    await registry.add_app("chat", APNS, None)
    assert told(await found(registry, declared(workspace()))) == [("added", "workspace", "acme")]
    with pytest.raises(SettingsError, match=r"file: acme\.apps: no app 'chat' is declared; there is none"):
        await found(registry, declared(workspace()), prunes=True)
    with pytest.raises(SettingsError, match="no app 'chess' is declared; there is chat"):
        await found(registry, declared(workspace(apps=("chess",))))


async def test_no_two_workspaces_have_one_secret(registry: Registry) -> None:
    await registry.add_app("chat", APNS, None)
    await registry.add_workspace("here", ("chat",), SECRET)
    taken = "file: acme: its secret is that of 'here' too; each needs one of its own"
    for wanted in (
        declared(app(), workspace("here", SECRET), workspace(secret=SECRET)),
        declared(app(), workspace("here"), workspace(secret=SECRET)),
        declared(app(), workspace(secret=SECRET)),
    ):
        with pytest.raises(SettingsError, match=taken):
            await found(registry, wanted)
    await made_so(registry, declared(app(), workspace(secret=SECRET)), prunes=True)
    exchanged = declared(app(), workspace("here", SECRET), workspace(secret=OTHER_SECRET))
    await made_so(registry, exchanged)
    assert (await found(registry, exchanged)).steps == ()


async def test_what_stands_in_the_way_ends_it_and_the_next_time_goes_on(registry: Registry) -> None:
    wanted = declared(app("chat"), app("other"), workspace())
    steps = (await found(registry, wanted)).steps
    await registry.add_app("other", None, FCM)
    applied = await apply_steps(registry, steps)
    assert isinstance(applied.failure, NameTaken)
    assert [step.name for step in applied.done] == ["chat"]
    assert told(await found(registry, wanted)) == [("changed", "app", "other"), ("added", "workspace", "acme")]
    await made_so(registry, wanted)
    assert await found(registry, wanted) == Difference((), (), 3)


APPS = st.sampled_from(["a", "b", "c"])
LIMITS = st.builds(Limits, rate=st.none() | st.sampled_from([0.0, 5.5]), outbox=st.none() | st.sampled_from([0, 7]))
TRAITS = st.fixed_dictionaries(
    {
        "unique_id": st.none() | st.just("U1"),
        "allow_from": st.sampled_from([(), ("10.0.0.0/8",)]),
        "content": st.sampled_from(Content),
        "fixed_text": st.sampled_from([FIXED_TEXT, "Neue Nachricht"]),
        "forward": st.booleans(),
        "limits": LIMITS,
    },
    optional={"suspended": st.booleans()},
)


@st.composite
def declarations(draw: st.DrawFn) -> Declared:
    apps = [
        app(name, apns=draw(st.sampled_from([APNS, None])), limits=draw(LIMITS))
        for name in draw(st.lists(APPS, min_size=1, unique=True))
    ]
    used = st.lists(st.sampled_from([one.name for one in apps]), min_size=1, unique=True).map(tuple)
    workspaces = [
        workspace(
            name,
            draw(st.sampled_from([None, Secret(f"the-secret-of-workspace-{name}")])),
            apps=draw(used),
            **draw(TRAITS),
        )
        for name in draw(st.lists(APPS, unique=True))
    ]
    return declared(*apps, *workspaces)


@given(declarations(), declarations(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_whatever_was_there_what_is_declared_is_so_after_one_time(
    before: Declared, wanted: Declared, prunes: bool
) -> None:
    async def run(folder: Path) -> None:
        store = await SqliteStore.open(folder / "gateway.db", lambda is_new: VAULT)
        registry = Registry(store, VAULT, SystemClock())
        await made_so(registry, before)
        await made_so(registry, wanted, prunes)
        again = await found(registry, wanted, prunes)
        contents = await registry.contents()
        await store.close()
        assert (again.steps, again.unchanged) == ((), len(wanted.apps) + len(wanted.workspaces))
        there = {one.name for one in (*contents.apps, *contents.workspaces)}
        assert {one.name for one in (*wanted.apps, *wanted.workspaces)} <= there
        assert again.left_alone == () or not prunes

    with TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
