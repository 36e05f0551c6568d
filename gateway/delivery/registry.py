"""Apps and workspaces as an operator changes them; the command line and the pages call the same functions."""

import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import msgspec

from gateway.delivery.admission import SECRET_PURPOSE
from gateway.model.address import Network
from gateway.model.app import ApnsCredentials, App, FcmCredentials
from gateway.model.clock import Clock
from gateway.model.errors import Changed, InUse, SettingsError, UnknownName
from gateway.model.secret import Secret
from gateway.model.workspace import SecretHash, Workspace
from gateway.store.crypto import Vault
from gateway.store.port import Contents, Store

RETRIES = 10
T = TypeVar("T")
AppOrWorkspace = TypeVar("AppOrWorkspace", App, Workspace)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._@-]{0,62}[A-Za-z0-9])?")


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

    async def app(self, name: str) -> App:
        """Find an app by name.

        Raises:
            UnknownName: there is none.
        """
        return _named((await self._store.load()).apps, name, "app")

    async def add_app(self, name: str, apns: ApnsCredentials | None, fcm: FcmCredentials | None) -> App:
        """Add an app.

        Raises:
            NameTaken: there is one of this name.
            SettingsError: the name cannot be one.
        """
        app = App(id=_new_id(), name=_checked(name), apns=apns, fcm=fcm, created_at=self._clock.now())
        return await self._store.put_app(app)

    async def replace_credentials(self, name: str, apns: ApnsCredentials | None, fcm: FcmCredentials | None) -> App:
        """Give an app new credentials; None leaves what it has."""

        async def change() -> App:
            app = await self.app(name)
            changed = msgspec.structs.replace(app, apns=apns or app.apns, fcm=fcm or app.fcm)
            return await self._store.put_app(changed)

        return await _retried(change)

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
        self, name: str, apps: tuple[str, ...], unique_id: str | None = None, allow_from: tuple[str, ...] = ()
    ) -> Issued:
        """Add a workspace that may send to `apps` (names, in order of trial) and make its secret.

        Raises:
            NameTaken: there is one of this name.
            UnknownName: there is no such app.
            SettingsError: the name cannot be one.
        """
        workspace = Workspace(
            id=_new_id(),
            name=_checked(name),
            apps=await self._app_ids(apps),
            secrets=(),
            unique_id=unique_id,
            allow_from=_checked_ranges(allow_from),
            created_at=self._clock.now(),
        )
        return await self._issue(workspace)

    async def update_workspace(
        self,
        name: str,
        apps: tuple[str, ...] | None = None,
        unique_id: str | None = None,
        allow_from: tuple[str, ...] | None = None,
        suspended: bool | None = None,
        forward: bool | None = None,
    ) -> Workspace:
        """Change what is given of a workspace; an empty `unique_id` takes the pin away."""

        async def change() -> Workspace:
            workspace = await self.workspace(name)
            changed = msgspec.structs.replace(
                workspace,
                apps=workspace.apps if apps is None else await self._app_ids(apps),
                unique_id=workspace.unique_id if unique_id is None else unique_id or None,
                allow_from=workspace.allow_from if allow_from is None else _checked_ranges(allow_from),
                suspended=workspace.suspended if suspended is None else suspended,
                forward=workspace.forward if forward is None else forward,
            )
            return await self._store.put_workspace(changed)

        return await _retried(change)

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

    async def _issue(self, workspace: Workspace) -> Issued:
        secret = secrets.token_urlsafe(32)
        kept = SecretHash(self._vault.lookup_hash(SECRET_PURPOSE, secret))
        issued = msgspec.structs.replace(workspace, secrets=(kept, *workspace.secrets))
        return Issued(await self._store.put_workspace(issued), Secret(secret))

    async def _app_ids(self, names: tuple[str, ...]) -> tuple[str, ...]:
        apps = (await self._store.load()).apps
        return tuple(_named(apps, name, "app").id for name in dict.fromkeys(names))


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


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise SettingsError(f"the name {name!r} is not 1 to 64 letters, digits, spaces and . _ @ -")
    return name


def _checked_ranges(ranges: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(str(Network.parse(text)) for text in ranges)
    except ValueError as error:
        raise SettingsError(f"allow_from: {error}") from None


def _new_id() -> str:
    return secrets.token_hex(12)
