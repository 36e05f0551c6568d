"""The outbox: pushes that were answered with a 2xx and are not finished yet."""

from collections.abc import Mapping

import msgspec

from gateway.model.notification import Notification


class Lane(msgspec.Struct, frozen=True):
    """What shares its fate: the pushes of one app to one provider ("apns" or "fcm")."""

    app: str
    provider: str

    @property
    def of_rings(self) -> "Lane":
        """The lane on which its rings are stored: they cannot wait, so it never rests."""
        return Lane(self.app, f"{self.provider}-rings")


class OutboxItem(msgspec.Struct, frozen=True, kw_only=True):
    """One push that is owed.

    `id` is the push's own. `key` is the keyed hash by which a repetition is known (None: it cannot be), `device` that
    of the device token. Pushes of one `line` go one after the other, in the order of `received_at`, of the same moment
    by the id. Times are UNIX seconds: it is to be attempted at `due_at`, of no use from `expires_at`, and nobody's
    business but the `owner`'s before `leased_until` (None and 0: it is free). `attempts` counts how often a provider
    was asked, `reason` says in the gateway's words why it was not taken the last time.
    """

    id: str
    key: str | None
    workspace: str
    lane: Lane
    line: str
    device: str
    received_at: float
    expires_at: float
    due_at: float
    attempts: int
    reason: str
    notification: Notification
    owner: str | None = None
    leased_until: float = 0.0


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for work at `now`, keeps it until `until` (UNIX seconds), and takes no more than `limit`.

    Nothing is taken of `closed` lanes, nor of `held` workspaces (ids).
    """

    owner: str
    now: float
    until: float
    limit: int
    closed: frozenset[Lane] = frozenset()
    held: frozenset[str] = frozenset()

    def takes(self, workspace: str, lane: Lane) -> bool:
        """Tell whether it wants work of this workspace (its id) on this lane."""
        return lane not in self.closed and workspace not in self.held


class Postponement(msgspec.Struct, frozen=True, kw_only=True):
    """When an item is to be attempted again (UNIX seconds), after how many attempts, and why."""

    id: str
    due_at: float
    attempts: int
    reason: str


class OutboxCount(msgspec.Struct, frozen=True):
    """How many items each workspace (its id) and each app has, and since when the oldest waits (UNIX seconds)."""

    by_workspace: Mapping[str, int]
    oldest: float | None = None
    by_app: Mapping[str, int] = {}

    @property
    def total(self) -> int:
        """The items of all workspaces."""
        return sum(self.by_workspace.values())


class LateVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """A token found dead when its push had been answered already: the next push of this workspace to it is told.

    `device` is the keyed hash of the token, `since` when the provider says it died, `at` when this was written down
    (UNIX seconds).
    """

    workspace: str
    device: str
    reason: str
    since: float | None
    at: float

    @property
    def id(self) -> str:
        """What it is found by: there is one for each workspace and device."""
        return self.id_of(self.workspace, self.device)

    @staticmethod
    def id_of(workspace: str, device: str) -> str:
        """Return the id of the one on this workspace and device."""
        return f"{device}:{workspace}"


class OutboxStatistics(msgspec.Struct, frozen=True):
    """The outbox as the metrics show it.

    `items` counts all, `oldest` is since when one waits (UNIX seconds, 0: none does), `in_flight` counts those being
    attempted. `resting` lanes are in trouble; `store_answers` is whether the store does.
    """

    items: int
    oldest: float
    in_flight: int
    resting: frozenset[Lane]
    store_answers: bool
