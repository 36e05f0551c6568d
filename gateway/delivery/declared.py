"""What an operator has declared, and what of it is not so yet: a pure function of the declaration and what is there."""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from gateway.delivery.changes import WorkspaceChanges
from gateway.model.app import ApnsCredentials, App, FcmCredentials
from gateway.model.errors import SettingsError
from gateway.model.limits import NO_LIMITS, Limits
from gateway.model.secret import Secret
from gateway.model.workspace import SecretHash, Workspace
from gateway.store.port import Contents

HashOf = Callable[[Secret], SecretHash]
_HIDDEN = frozenset({"key", "certificate", "certificate_key", "service_account"})
_DERIVED = frozenset({"fingerprint", "expires_at"})
_TRAITS = ("apps", "unique_id", "allow_from", "content", "fixed_text", "forward", "suspended")
_NEW = Workspace(id="", name="", apps=(), secrets=())
"""Has the defaults."""


class DeclaredApp(msgspec.Struct, frozen=True):
    """An app as it should be; `place` says where that is written."""

    place: str
    name: str
    apns: ApnsCredentials | None
    fcm: FcmCredentials | None
    limits: Limits = NO_LIMITS


class DeclaredWorkspace(msgspec.Struct, frozen=True):
    """A workspace as it should be; `place` says where that is written.

    `traits` are as they are kept, its apps by name. Without a `secret` it keeps those it has.
    """

    place: str
    name: str
    traits: WorkspaceChanges
    secret: Secret | None = None


class Declared(msgspec.Struct, frozen=True):
    """All that should be there."""

    apps: tuple[DeclaredApp, ...]
    workspaces: tuple[DeclaredWorkspace, ...]


class Action(StrEnum):
    """What is done to an app or a workspace."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class Field(NamedTuple):
    """One thing that differs; None is where there was none, or will be none. What must not be seen is a Secret."""

    name: str
    old: object
    new: object


class Step(msgspec.Struct, frozen=True):
    """One change of one app or workspace; `wanted` is what it should be, None where it is to go."""

    action: Action
    kind: str
    name: str
    wanted: DeclaredApp | DeclaredWorkspace | None = None
    fields: tuple[Field, ...] = ()


class Difference(msgspec.Struct, frozen=True):
    """What is to be done, in this order; what is not declared and stays; how many are as declared."""

    steps: tuple[Step, ...]
    left_alone: tuple[tuple[str, str], ...]
    unchanged: int


def difference(declared: Declared, contents: Contents, hash_of: HashOf, prunes: bool) -> Difference:
    """Tell what is to be done; with `prunes`, what is not declared is to go.

    Apps come before the workspaces that use them, and go after those that did.

    Raises:
        SettingsError: a workspace is to use an app that will not be there, or two would have one secret.
    """
    undeclared = tuple(_undeclared(declared, contents))
    left_alone = () if prunes else undeclared
    _check_apps(declared, left_alone)
    _check_secrets(declared, contents, hash_of, left_alone)
    steps = [*_app_steps(declared, contents), *_workspace_steps(declared, contents, hash_of)]
    wanted = [step for step in steps if step.action is Action.ADDED or step.fields]
    removed = [Step(Action.REMOVED, kind, name) for kind, name in undeclared if prunes]
    return Difference((*wanted, *removed), left_alone, len(steps) - len(wanted))


def _undeclared(declared: Declared, contents: Contents) -> Iterator[tuple[str, str]]:
    for kind, present, wanted in (
        ("workspace", contents.workspaces, declared.workspaces),
        ("app", contents.apps, declared.apps),
    ):
        names = {one.name for one in wanted}
        yield from ((kind, one.name) for one in present if one.name not in names)


def _check_apps(declared: Declared, left_alone: tuple[tuple[str, str], ...]) -> None:
    known = {app.name for app in declared.apps} | {name for kind, name in left_alone if kind == "app"}
    for workspace in declared.workspaces:
        for name in workspace.traits["apps"]:
            if name not in known:
                there_is = ", ".join(sorted(known)) or "none"
                raise SettingsError(f"{workspace.place}.apps: no app {name!r} is declared; there is {there_is}")


def _check_secrets(
    declared: Declared, contents: Contents, hash_of: HashOf, left_alone: tuple[tuple[str, str], ...]
) -> None:
    """A push is its workspace's whose secret it has, so each has its own."""
    keep = {name for kind, name in left_alone if kind == "workspace"}
    keep |= {workspace.name for workspace in declared.workspaces if workspace.secret is None}
    owners = {kept.hash: one.name for one in contents.workspaces if one.name in keep for kept in one.secrets}
    for workspace in declared.workspaces:
        if workspace.secret is None:
            continue
        owner = owners.setdefault(hash_of(workspace.secret).hash, workspace.name)
        if owner != workspace.name:
            raise SettingsError(f"{workspace.place}: its secret is that of {owner!r} too; each needs one of its own")


def _app_steps(declared: Declared, contents: Contents) -> Iterator[Step]:
    present = {app.name: app for app in contents.apps}
    for wanted in declared.apps:
        app = present.get(wanted.name)
        fields = _fields(_app_facts(app) if app else {}, _app_facts(wanted))
        yield Step(Action.CHANGED if app else Action.ADDED, "app", wanted.name, wanted, fields)


def _workspace_steps(declared: Declared, contents: Contents, hash_of: HashOf) -> Iterator[Step]:
    app_names = {app.id: app.name for app in contents.apps}
    present = {workspace.name: workspace for workspace in contents.workspaces}
    for wanted in declared.workspaces:
        workspace = present.get(wanted.name)
        old = _traits_of(workspace or _NEW, app_names)
        fields = _fields(_workspace_facts(old), _workspace_facts({**old, **wanted.traits}))
        secrets = _secret_fields(workspace, hash_of(wanted.secret) if wanted.secret else None)
        action = Action.CHANGED if workspace else Action.ADDED
        yield Step(action, "workspace", wanted.name, wanted, (*fields, *secrets))


def _fields(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[Field, ...]:
    names = dict.fromkeys((*old, *new))
    pairs = (Field(name, old.get(name), new.get(name)) for name in names)
    return tuple(field for field in pairs if field.old != field.new)


def _app_facts(app: App | DeclaredApp) -> dict[str, object]:
    return {**_facts("apns", app.apns), **_facts("fcm", app.fcm), **_facts("limits", app.limits)}


def _facts(name: str, part: msgspec.Struct | None) -> dict[str, object]:
    """Name what a part has of its own."""
    facts = msgspec.structs.asdict(part) if part is not None else {}
    return {
        f"{name}.{key}": Secret(value) if key in _HIDDEN else value
        for key, value in facts.items()
        if key not in _DERIVED and value not in (None, "")
    }


def _workspace_facts(traits: Mapping[str, Any]) -> dict[str, object]:
    own = {name: traits[name] for name in _TRAITS}
    return own | _facts("limits", traits["limits"]) | _facts("rules", traits["rules"])


def _traits_of(workspace: Workspace, app_names: Mapping[str, str]) -> dict[str, Any]:
    traits = {name: getattr(workspace, name) for name in (*_TRAITS, "limits", "rules")}
    return {**traits, "apps": tuple(app_names.get(app_id, app_id) for app_id in workspace.apps)}


def _secret_fields(workspace: Workspace | None, wanted: SecretHash | None) -> tuple[Field, ...]:
    if wanted is None:
        return () if workspace else (Field("secret", None, "a new one"),)
    old = Secret(",".join(secret.hash for secret in workspace.secrets)) if workspace else None
    return () if workspace and workspace.secrets == (wanted,) else (Field("secret", old, Secret(wanted.hash)),)
