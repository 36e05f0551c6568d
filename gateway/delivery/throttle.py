"""What one workspace, and one app, may take: requests at a time, pushes a second, pushes a month.

A workspace's requests are counted as they come, before they are read: one that is refused costs next to nothing, and a
repetition counts as any other. The rest is asked when a push is about to go on, and a repetition does not.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.config import LimitsSettings
from gateway.delivery.follower import Follower
from gateway.delivery.push import Push
from gateway.delivery.quotas import Quotas
from gateway.delivery.rates import Rates
from gateway.delivery.snapshot import Route
from gateway.model.clock import Clock
from gateway.model.outcome import Later, Outcome
from gateway.model.reason import Reason
from gateway.model.workspace import Workspace

SOONEST = 1.0
"""Seconds that nobody is asked to come again before."""


class Throttle:
    """Lets requests pass as the limits say, those of the settings or one's own."""

    def __init__(
        self, follower: Follower, quotas: Quotas, limits: LimitsSettings, gateways: Callable[[], int], clock: Clock
    ) -> None:
        """Take the limits of all, and who counts the gateways that share the rates."""
        self._follower = follower
        self._quotas = quotas
        self._in_flight = limits.workspace_in_flight
        self._workspaces = Rates(limits.workspace_rate, limits.workspace_burst, gateways, clock)
        self._apps = Rates(limits.app_rate, limits.app_burst, gateways, clock)
        self._inside: Counter[str] = Counter()

    @contextmanager
    def place(self, workspace: Workspace, is_ring: bool = False) -> Iterator[Later | None]:
        """Give a request of a workspace a place while the block runs, or say why it gets none.

        Rings have as many places again, and may run a burst into debt: nobody sends them again.
        """
        refusal = self._refusal(workspace, is_ring)
        if refusal is not None:
            yield refusal
            return
        self._inside[workspace.id] += 1
        try:
            yield None
        finally:
            self._inside[workspace.id] -= 1
            if not self._inside[workspace.id]:
                del self._inside[workspace.id]

    def _refusal(self, workspace: Workspace, is_ring: bool) -> Later | None:
        own = workspace.limits.in_flight
        places = self._in_flight if own is None else own
        if places and self._inside.get(workspace.id, 0) >= places * (2 if is_ring else 1):
            return Later(Reason.WORKSPACE_BUSY, retry_after=SOONEST)
        wait = self._workspaces.wait(workspace.id, workspace.limits, is_ring)
        return Later(Reason.WORKSPACE_RATE, retry_after=max(SOONEST, wait)) if wait else None

    def refusal_of_month(self, workspace: Workspace) -> Outcome | None:
        """Say why a workspace may send no more this month, if so."""
        return self._quotas.refusal_of_workspace(workspace.name, workspace.limits)

    def refusal_of_app(self, push: Push, route: Route) -> Outcome | None:
        """Let a push pass that is about to go to an app, or say why it may not."""
        over = self._quotas.refusal_of_app(route.app, route.limits)
        if over is not None:
            return over
        wait = self._apps.wait(route.app, route.limits, push.is_ring)
        return Later(Reason.APP_RATE, retry_after=max(SOONEST, wait)) if wait else None

    async def look(self) -> None:
        """See how much of the month's pushes is left, and forget workspaces and apps that are not there any more."""
        await self._quotas.look()
        if (snapshot := self._follower.snapshot) is not None:
            self._workspaces.keep({workspace.id for workspace in snapshot.workspaces()})
            self._apps.keep(snapshot.app_names)
