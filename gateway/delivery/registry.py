"""Apps and workspaces as an operator changes them; the command line and the pages call the same functions."""

import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar, Unpack

import msgspec

from gateway.delivery.admission import SECRET_PURPOSE
from gateway.delivery.changes import (
    AppChanges,
    WorkspaceChanges,
    WorkspaceTraits,
    check_limits,
    check_secret,
    checked,
    checked_name,
    given_credentials,
)
from gateway.model.app import ApnsCredentials, App, FcmCredentials
from gateway.model.clock import Clock
from gateway.model.errors import Changed, InUse, UnknownName
from gateway.model.limits import NO_LIMITS, Limits
from gateway.model.notice import NoticeKind
from gateway.model.secret import Secret
from gateway.model.workspace import SecretHash, Workspace
from gateway.store.crypto import Vault
from gateway.store.port import Contents, Store

RETRIES = 10
T = TypeVar("T")
_OF_APPS = (
    NoticeKind.CREDENTIALS_REFUSED,
    NoticeKind.BREAKER_OPEN,
    NoticeKind.GUARD_TRIPPED,
    NoticeKind.CANARY_FAILED,
)
AppOrWorkspace = TypeVar("AppOrWorkspace", App, Workspace)


class Issued(msgspec.Struct, frozen=True):
    """A workspace with its new secret, which is seen this once and kept only as a hash."""

    workspace: Workspace
    secret: Secret


class Registry:
    """Adds, changes and removes apps and workspaces. Every method may raise StoreError."""

    def __init__(self, store: Store, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock

    async def contents(self) -> Contents:
        """Read everything."""
        return await self._store.load()

    async def troubles(self) -> dict[str, list[str]]:
        """Say of every app in trouble what running gateways have told of it, with the provider's words."""
        found: dict[str, list[str]] = {}
        for notice in await self._store.notices.all():
            if notice.kind in _OF_APPS and notice.stands(self._clock.now()):
                what = f"{notice.kind.value.replace('_', ' ')} ({notice.about}): {notice.words}"
                found.setdefault(notice.subject, []).append(what)
        return found

    async def app(self, name: str) -> App:
        """Find an app by name.

        Raises:
            UnknownName: there is none.
        """
        return _named((await self._store.load()).apps, name, "app")

    async def add_app(
        self, name: str, apns: ApnsCredentials | None, fcm: FcmCredentials | None, limits: Limits = NO_LIMITS
    ) -> App:
        """Add an app.

        Raises:
            NameTaken: there is one of this name.
            SettingsError: the name or a limit cannot be one.
        """
        check_limits(limits)
        bare = App(id=_new_id(), name=checked_name(name), created_at=self._clock.now())
        return await self._store.put_app(msgspec.structs.replace(bare, apns=apns, fcm=fcm, limits=limits))

    async def update_app(self, name: str, **changes: Unpack[AppChanges]) -> App:
        """Change what is given of an app.

        Raises:
            UnknownName: there is none.
            SettingsError: a limit cannot be one.
        """
        check_limits(changes.get("limits", NO_LIMITS))

        async def change() -> App:
            return await self._store.put_app(msgspec.structs.replace(await self.app(name), **changes))

        return await _retried(change)

    async def replace_credentials(self, name: str, apns: ApnsCredentials | None, fcm: FcmCredentials | None) -> App:
        """Give an app new credentials; None leaves what it has."""
        return await self.update_app(name, **given_credentials(apns, fcm))

    async def remove_app(self, name: str) -> App:
        """Forget an app and its keys.

        Raises:
            InUse: workspaces still send through it.
        """
        contents = await self._store.load()
        app = _named(contents.apps, name, "app")
        users = [workspace.name for workspace in contents.workspaces if app.id in workspace.apps]
        if users:
            raise InUse(f"the app {name!r} is used by {', '.join(users)}; remove it there first")
        await self._store.remove_app(app.id)
        return app

    async def workspace(self, name: str) -> Workspace:
        """Find a workspace by name.

        Raises:
            UnknownName: there is none.
        """
        return _named((await self._store.load()).workspaces, name, "workspace")

    async def add_workspace(
        self, name: str, apps: tuple[str, ...], secret: Secret | None = None, **traits: Unpack[WorkspaceTraits]
    ) -> Issued:
        """Add a workspace that may send to `apps` (names, in order of trial); without a secret it gets a new one.

        Raises:
            NameTaken: there is one of this name.
            UnknownName: there is no such app.
            SettingsError: what is given of it cannot be.
        """
        bare = Workspace(id=_new_id(), name=checked_name(name), apps=(), secrets=(), created_at=self._clock.now())
        return await self._issue(await self._changed(bare, {"apps": apps, **traits}), secret)

    async def update_workspace(self, name: str, **changes: Unpack[WorkspaceChanges]) -> Workspace:
        """Change what is given of a workspace.

        Raises:
            UnknownName: there is no such workspace or app.
            SettingsError: what is given cannot be.
        """

        async def change() -> Workspace:
            return await self._store.put_workspace(await self._changed(await self.workspace(name), changes))

        return await _retried(change)

    async def set_secret(self, name: str, secret: Secret) -> Workspace:
        """Let this secret be the only one of a workspace; nothing changes where it is.

        Raises:
            SettingsError: it is too short.
        """
        check_secret(secret)

        async def change() -> Workspace:
            workspace = await self.workspace(name)
            only = msgspec.structs.replace(workspace, secrets=(self.hash_of(secret),))
            return workspace if only == workspace else await self._store.put_workspace(only)

        return await _retried(change)

    def hash_of(self, secret: Secret) -> SecretHash:
        """Return a secret as it is kept, for good."""
        return SecretHash(self._vault.lookup_hash(SECRET_PURPOSE, secret.reveal()))

    async def rotate(self, name: str, grace: float = 0.0) -> Issued:
        """Make a new secret; the present ones work for `grace` seconds more."""

        async def change() -> Issued:
            workspace = await self.workspace(name)
            kept = _ending(workspace.secrets, self._clock.now(), grace)
            return await self._issue(msgspec.structs.replace(workspace, secrets=kept))

        return await _retried(change)

    async def remove_workspace(self, name: str) -> Workspace:
        """Forget a workspace; its secret stops working."""
        workspace = await self.workspace(name)
        await self._store.remove_workspace(workspace.id)
        return workspace

    async def _issue(self, workspace: Workspace, given: Secret | None = None) -> Issued:
        if given is not None:
            check_secret(given)
        secret = given or Secret(secrets.token_urlsafe(32))
        issued = msgspec.structs.replace(workspace, secrets=(self.hash_of(secret), *workspace.secrets))
        return Issued(await self._store.put_workspace(issued), secret)

    async def _changed(self, workspace: Workspace, changes: WorkspaceChanges) -> Workspace:
        kept = checked(changes)
        if "apps" in kept:
            apps = (await self._store.load()).apps
            kept["apps"] = tuple(_named(apps, name, "app").id for name in dict.fromkeys(kept["apps"]))
        return msgspec.structs.replace(workspace, **kept)


async def _retried(change: Callable[[], Awaitable[T]]) -> T:
    """Read, change and put once more when somebody else was faster."""
    for _ in range(RETRIES):
        with suppress(Changed):
            return await change()
    return await change()


def _ending(present: tuple[SecretHash, ...], now: float, grace: float) -> tuple[SecretHash, ...]:
    """Let the secrets that still work end in `grace` seconds at the latest."""
    if grace <= 0:
        return ()
    end = now + grace
    working = [secret for secret in present if secret.until is None or secret.until > now]
    return tuple(SecretHash(secret.hash, end if secret.until is None else min(secret.until, end)) for secret in working)


def _named(things: tuple[AppOrWorkspace, ...], name: str, kind: str) -> AppOrWorkspace:
    for thing in things:
        if thing.name == name:
            return thing
    raise UnknownName(f"there is no {kind} {name!r}; there is {_listed([thing.name for thing in things])}")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "") if names else "none yet"


def _new_id() -> str:
    return secrets.token_hex(12)
