"""How much of the gateway one workspace, or one app, may take.

Rates hold over all gateways on the store: each gives out its share. What a workspace does not bring in, nobody waits
for; what it brings in too fast is refused before it is read, and a repetition counts as any other request. What an app
and a month may take is asked when a push is about to go on, and a repetition does not.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.config import LimitsSettings
from gateway.delivery.follower import Follower
from gateway.delivery.push import Push
from gateway.delivery.quotas import Quotas
from gateway.delivery.token_bucket import TokenBucket
from gateway.model.clock import Clock
from gateway.model.limits import NO_LIMITS, Limits
from gateway.model.outcome import Later, Outcome
from gateway.model.reason import Reason
from gateway.model.workspace import Workspace

BURST_SECONDS = 10.0
"""How much of its rate a bucket holds that has no burst of its own."""
REMEMBERED = 10_000
"""Buckets that are kept at most, those used last."""
SOONEST = 1.0
"""Seconds that nobody is asked to come again before."""
RINGS_PLACES = 2
"""How many times the places of others rings have."""


class Allowance:
    """Says whether a workspace, and then an app, may have a push worked on now.

    Rings have as much again, as a server does not send them again: they may run a burst into debt, and take as many
    places as the others beside them.
    """

    def __init__(
        self,
        settings: LimitsSettings,
        quotas: Quotas,
        follower: Follower,
        live: Callable[[], int],
        clock: Clock,
    ) -> None:
        """Take what is needed; `live` tells how many gateways share the rates."""
        self._of_workspaces = settings.of_workspaces
        self._of_apps = settings.of_apps
        self._quotas = quotas
        self._follower = follower
        self._live = live
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], TokenBucket] = OrderedDict()
        self._in_flight: Counter[str] = Counter()

    @property
    def inside(self) -> int:
        """How many requests have a place."""
        return self._in_flight.total()

    @contextmanager
    def place(self, workspace: Workspace, is_ring: bool = False) -> Iterator[Later | None]:
        """Give a workspace's request a place while the block runs and let it use a token, or say why it gets none."""
        refusal = self._refusal(workspace, is_ring)
        if refusal is not None:
            yield refusal
            return
        self._in_flight[workspace.id] += 1
        try:
            yield None
        finally:
            self._in_flight[workspace.id] -= 1
            if not self._in_flight[workspace.id]:
                del self._in_flight[workspace.id]

    def of_month(self, push: Push) -> Outcome | None:
        """Say why a workspace may have no more pushes this month, if so."""
        workspace = push.member.workspace
        return self._quotas.of_workspace(workspace.name, workspace.limits)

    def of_app(self, push: Push, app: str) -> Outcome | None:
        """Say why an app, by its name, may not have this push, if so; else it has used a token."""
        snapshot = self._follower.snapshot
        own = snapshot.limits_of(app) if snapshot else NO_LIMITS
        return self._quotas.of_app(app, own) or self._too_fast(
            ("app", app), own.over(self._of_apps), push.is_ring, Reason.APP_RATE
        )

    def _refusal(self, workspace: Workspace, is_ring: bool) -> Later | None:
        limits = workspace.limits.over(self._of_workspaces)
        places = (limits.in_flight or 0) * (RINGS_PLACES if is_ring else 1)
        if places and self._in_flight[workspace.id] >= places:
            return Later(Reason.WORKSPACE_BUSY, retry_after=SOONEST)
        return self._too_fast(("workspace", workspace.id), limits, is_ring, Reason.WORKSPACE_RATE)

    def _too_fast(self, whose: tuple[str, str], limits: Limits, is_ring: bool, reason: Reason) -> Later | None:
        if not limits.rate:
            return None
        sharing, now = max(1, self._live()), self._clock.monotonic()
        rate = limits.rate / sharing
        burst = max(1.0, (limits.burst or BURST_SECONDS * limits.rate) / sharing)
        wait = self._bucket(whose, burst, now).take(rate, burst, now, debt=burst if is_ring else 0.0)
        return Later(reason, retry_after=max(SOONEST, wait)) if wait else None

    def _bucket(self, whose: tuple[str, str], burst: float, now: float) -> TokenBucket:
        bucket = self._buckets.get(whose)
        if bucket is None:
            bucket = self._buckets[whose] = TokenBucket(burst, now)
        self._buckets.move_to_end(whose)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return bucket
