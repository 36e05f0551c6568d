"""Devices: what is known of each device token, learned from what became of the pushes to it."""

from collections.abc import Sequence

import msgspec

from gateway.model.secret import Secret

MOST_WORKSPACES = 20
"""How many workspaces a device remembers."""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """What one push, or several without news in between, told of a device.

    `device` is the keyed hash of the `token`. Times are UNIX seconds: `seen_at` is when the (first) push came in, `at`
    when the outcome of the (last) one stood. `app` and, with Apple, `environment` are those whose provider knew the
    token (None: none did); `success_at` is when one of our own took a push. `foreign_to` names the set of apps
    that all called the token another project's. A death that was answered has a `dead_reason`, and
    `dead_since` when it began; a verdict that spoke of an older life is stale.
    """

    device: str
    token: Secret
    platform: str
    workspaces: tuple[str, ...]
    seen_at: float
    at: float
    app: str | None = None
    environment: str | None = None
    success_at: float | None = None
    dead_reason: str | None = None
    dead_since: float | None = None
    is_stale: bool = False
    foreign_to: str | None = None

    @property
    def is_ordinary(self) -> bool:
        """Tell whether it speaks of a living device."""
        return self.dead_reason is None and not self.is_stale

    def joined(self, later: "Sighting") -> "Sighting":
        """Return this and a later one as one; both are ordinary."""
        known_by = later if later.app is not None else self
        return msgspec.structs.replace(
            later,
            workspaces=_newest_last(self.workspaces, later.workspaces),
            seen_at=self.seen_at,
            app=known_by.app,
            environment=known_by.environment,
            success_at=_latest(self.success_at, later.success_at),
            foreign_to=later.foreign_to or self.foreign_to,
        )


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device token, by its keyed hash `id`.

    `app` is the one that took it last, `environment` which of Apple's two the token is of, as far as that was learned;
    `workspaces` are the names of those that sent to it, newest last. Times are UNIX seconds. A new life begins with the
    first push after the last 406, which was answered at `refused_at`; the present one is known since `known_since`.
    `stale_count` counts the verdicts of death on an older life than the present one, the first at `stale_since`.
    `foreign_to` names the set of apps that all called the token another project's, at `foreign_at`. What the official
    gateway took is no success.
    """

    id: str
    token: Secret
    platform: str
    app: str | None = None
    environment: str | None = None
    workspaces: tuple[str, ...] = ()
    first_seen: float
    known_since: float
    last_seen: float
    last_success: float | None = None
    dead_since: float | None = None
    dead_reason: str | None = None
    refused_at: float | None = None
    stale_since: float | None = None
    stale_count: int = 0
    foreign_to: str | None = None
    foreign_at: float | None = None

    def seen(self, at: float) -> "Device":
        """Return the device when a push has come in at `at` (UNIX seconds): after a 406 it lives anew."""
        if self.refused_at is not None and at <= self.refused_at:
            return self
        if self.refused_at is not None and self.known_since <= self.refused_at:
            alive = msgspec.structs.replace(self, dead_since=None, dead_reason=None, stale_since=None, stale_count=0)
            return msgspec.structs.replace(alive, known_since=at)
        return msgspec.structs.replace(self, known_since=min(self.known_since, at))


class DeviceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which devices are wanted; None takes all. `device` is the keyed hash or its first digits."""

    device: str | None = None
    workspace: str | None = None
    app: str | None = None
    platform: str | None = None
    is_dead: bool | None = None

    @property
    def words(self) -> dict[str, str]:
        """Return what must be the same, by the field of a device."""
        wanted = {"app": self.app, "platform": self.platform}
        return {field: word for field, word in wanted.items() if word is not None}

    @property
    def ids(self) -> tuple[str, str] | None:
        """Return the range of hashes, the end not in it, that begin with the digits wanted."""
        return None if self.device is None else (self.device, f"{self.device}g")


def after(known: Device | None, sighting: Sighting) -> Device:
    """Return what is known of a device after a sighting (None: nothing was).

    One that comes again, or later than newer ones, does no harm: two gateways write when they like, and one whose
    store did not answer writes twice.
    """
    before = _first(sighting) if known is None else known.seen(sighting.seen_at)
    is_newest = sighting.at >= before.last_seen
    names = (before.workspaces, sighting.workspaces) if is_newest else (sighting.workspaces, before.workspaces)
    device = msgspec.structs.replace(
        before,
        workspaces=_newest_last(*names),
        first_seen=min(before.first_seen, sighting.seen_at),
        last_seen=max(before.last_seen, sighting.at),
        last_success=_latest(before.last_success, sighting.success_at),
    )
    return _told(device, sighting, is_new=sighting.at > before.last_seen) if is_newest else device


def _first(sighting: Sighting) -> Device:
    return Device(
        id=sighting.device,
        token=sighting.token,
        platform=sighting.platform,
        first_seen=sighting.seen_at,
        known_since=sighting.seen_at,
        last_seen=sighting.at,
    )


def _told(device: Device, sighting: Sighting, is_new: bool) -> Device:
    """Take over what the newest sighting says; a stale verdict counts once."""
    if sighting.app is not None:
        device = msgspec.structs.replace(device, app=sighting.app, environment=sighting.environment)
    if sighting.foreign_to is not None:
        device = msgspec.structs.replace(device, foreign_to=sighting.foreign_to, foreign_at=sighting.at)
    if sighting.dead_reason is not None:
        since = sighting.at if sighting.dead_since is None else sighting.dead_since
        return msgspec.structs.replace(
            device, dead_since=since, dead_reason=sighting.dead_reason, refused_at=sighting.at
        )
    if sighting.is_stale and (is_new or not device.stale_count):
        first = sighting.at if device.stale_since is None else device.stale_since
        return msgspec.structs.replace(device, stale_since=first, stale_count=device.stale_count + 1)
    if sighting.success_at is not None:
        return msgspec.structs.replace(device, dead_since=None, dead_reason=None, stale_since=None, stale_count=0)
    return device


def _newest_last(older: Sequence[str], newer: Sequence[str]) -> tuple[str, ...]:
    return (*(name for name in older if name not in newer), *newer)[-MOST_WORKSPACES:]


def _latest(one: float | None, other: float | None) -> float | None:
    return max((at for at in (one, other) if at is not None), default=None)
