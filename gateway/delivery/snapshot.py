"""Everything a push needs to know, in memory and ready to look up."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from gateway.model.address import Network
from gateway.model.app import ApnsEnvironment, App
from gateway.model.limits import NO_LIMITS, Limits
from gateway.model.notification import Notification, Platform
from gateway.model.outbox import Lane
from gateway.model.workspace import Workspace
from gateway.providers.credentials import with_environment
from gateway.providers.providers import Credentials
from gateway.store.port import Contents


class Route(msgspec.Struct, frozen=True):
    """One way a push may go: an app, and one set of its credentials.

    `held` is whether pushes to the app are kept for now, `in_flight` how many may be under way, if not the usual.
    """

    app: str
    credentials: Credentials
    held: bool = False
    in_flight: int | None = None


class Ways(msgspec.Struct, frozen=True):
    """The routes through one app, worked out once for all its workspaces."""

    app: App
    apple: tuple[Route, ...]
    google: tuple[Route, ...]


class Member(msgspec.Struct, frozen=True):
    """A workspace with all that its pushes ask for."""

    workspace: Workspace
    networks: tuple[Network, ...]
    by_topic: Mapping[str, tuple[Route, ...]]
    android: tuple[Route, ...]

    def routes(self, notification: Notification) -> tuple[Route, ...]:
        """List the ways for this push, in order of trial."""
        if notification.platform is Platform.GCM:
            return self.android
        return self.by_topic.get(notification.app_topic or "", ())

    @property
    def android_apps(self) -> str:
        """Name its Android apps as a set; the name changes when one comes, goes or gets other credentials."""
        fingerprints = sorted(route.credentials.fingerprint for route in self.android)
        return hashlib.sha256("".join(fingerprints).encode()).hexdigest()[:16]


class Snapshot:
    """The store's contents as of one revision."""

    def __init__(self, contents: Contents) -> None:
        self.revision = contents.revision
        self.proven = contents.proven
        self.apps = {app.id: app for app in contents.apps}
        self.held_apps = frozenset(app.name for app in contents.apps if app.held)
        self.held_workspaces = frozenset(workspace.id for workspace in contents.workspaces if workspace.held)
        self._limits = {app.name: app.limits for app in contents.apps}
        self._ways = {app.id: _ways(app) for app in contents.apps}
        self.in_use = frozenset(route.credentials.fingerprint for route in self.routes())
        members = [_member(workspace, self._ways) for workspace in contents.workspaces]
        self._by_secret = {
            secret.hash: (member, secret.until) for member in members for secret in member.workspace.secrets
        }
        self._by_name = {member.workspace.name: member for member in members}
        self._by_id = {member.workspace.id: member for member in members}

    def by_secret(self, secret_hash: str, now: float) -> Member | None:
        """Find a workspace by the hash of one of its secrets that still works at `now` (UNIX seconds)."""
        member, until = self._by_secret.get(secret_hash, (None, None))
        return None if until is not None and until <= now else member

    def by_name(self, name: str) -> Member | None:
        """Find a workspace by its name."""
        return self._by_name.get(name)

    def by_id(self, workspace_id: str) -> Member | None:
        """Find a workspace by what stays when it is renamed."""
        return self._by_id.get(workspace_id)

    def fingerprints(self) -> dict[Lane, frozenset[str]]:
        """Name the credentials of every lane."""
        found: dict[Lane, frozenset[str]] = {}
        for ways in self._ways.values():
            for provider, routes in (("apns", ways.apple), ("fcm", ways.google)):
                found[Lane(ways.app.name, provider)] = frozenset(route.credentials.fingerprint for route in routes)
        return found

    def routes(self) -> Iterator[Route]:
        """List every way that any push may go."""
        for ways in self._ways.values():
            yield from (*ways.apple, *ways.google)

    def overview(self) -> list[dict[str, object]]:
        """List the workspaces with their apps' names, for a page."""
        return [_overview(member.workspace, self.apps) for member in self._by_name.values()]

    @property
    def workspaces(self) -> tuple[Workspace, ...]:
        """All workspaces."""
        return tuple(member.workspace for member in self._by_name.values())

    def limits_of(self, app: str) -> Limits:
        """Return the limits of an app, by its name, that differ from the settings."""
        return self._limits.get(app, NO_LIMITS)

    @property
    def app_names(self) -> frozenset[str]:
        """The names of all apps."""
        return frozenset(app.name for app in self.apps.values())

    @property
    def size(self) -> int:
        """How many workspaces there are."""
        return len(self._by_name)


def _overview(workspace: Workspace, apps: Mapping[str, App]) -> dict[str, object]:
    names = [apps[app_id].name for app_id in workspace.apps if app_id in apps]
    return {"name": workspace.name, "apps": names, "suspended": workspace.suspended, "held": workspace.held}


def _member(workspace: Workspace, all_ways: Mapping[str, Ways]) -> Member:
    own = [all_ways[app_id] for app_id in workspace.apps if app_id in all_ways]
    return Member(
        workspace=workspace,
        networks=tuple(Network.parse(text) for text in workspace.allow_from),
        by_topic=_topics(own),
        android=tuple(route for ways in own for route in ways.google),
    )


def _topics(own: Iterable[Ways]) -> dict[str, tuple[Route, ...]]:
    """Where two of a workspace's apps have the same topic, both are tried."""
    topics: dict[str, tuple[Route, ...]] = {}
    for ways in own:
        for topic in ways.app.apns.topics if ways.app.apns else ():
            topics[topic] = topics.get(topic, ()) + ways.apple
    return topics


def _ways(app: App) -> Ways:
    return Ways(app, apple=_apns_routes(app), google=(_route(app, app.fcm),) if app.fcm else ())


def _apns_routes(app: App) -> tuple[Route, ...]:
    if app.apns is None:
        return ()
    if app.apns.environment is not ApnsEnvironment.AUTO:
        return (_route(app, app.apns),)
    both = (ApnsEnvironment.PRODUCTION, ApnsEnvironment.SANDBOX)
    return tuple(_route(app, with_environment(app.apns, environment)) for environment in both)


def _route(app: App, credentials: Credentials) -> Route:
    return Route(app.name, credentials, app.held, app.limits.in_flight)
