"""How much of the gateway one workspace, or one app, may take.

Rates hold over all gateways on the store: each gives out its share. What a workspace does not bring in, nobody waits
for; what it brings in too fast is refused before it costs anything.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.config import LimitsSettings
from gateway.delivery.follower import Follower
from gateway.delivery.notices import Notices
from gateway.delivery.push import Push
from gateway.delivery.token_bucket import TokenBucket
from gateway.delivery.usage import UsageCounter
from gateway.model.clock import Clock
from gateway.model.limits import Limits
from gateway.model.notice import Notice, NoticeKind
from gateway.model.outcome import Later, Outcome, Rejected
from gateway.model.reason import Reason
from gateway.model.usage import month_of

TOO_MUCH = frozenset({Reason.WORKSPACE_RATE, Reason.WORKSPACE_BUSY, Reason.APP_RATE})
"""Refusals of which there may be any number: they are counted, and leave no other trace."""
BURST_SECONDS = 10.0
"""How much of its rate a bucket holds that has no burst of its own."""
REMEMBERED = 10_000
"""Buckets that are kept at most, those used last."""
WARNED_AT = (1.0, 0.8)
"""The shares of a quota of which an operator is told."""
STANDS_SECONDS = 86_400.0
"""How long that is shown, unless it is still so."""


class Allowance:
    """Says of a push whether its workspace, and then its app, may have it worked on now."""

    def __init__(
        self,
        settings: LimitsSettings,
        usage: UsageCounter,
        follower: Follower,
        notices: Notices,
        live: Callable[[], int],
        clock: Clock,
    ) -> None:
        """Take what is needed; `live` tells how many gateways share the rates."""
        self._of_workspaces = Limits(
            rate=settings.workspace_rate,
            burst=settings.workspace_burst,
            per_month=settings.workspace_per_month,
            in_flight=settings.workspace_in_flight,
        )
        self._of_apps = Limits(rate=settings.app_rate, burst=settings.app_burst, per_month=settings.app_per_month)
        self._usage = usage
        self._follower = follower
        self._notices = notices
        self._live = live
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], TokenBucket] = OrderedDict()
        self._in_flight: Counter[str] = Counter()

    def of_workspace(self, push: Push) -> Outcome | None:
        """Say why a workspace may not have this push worked on, if so; else it has used a token."""
        workspace = push.member.workspace
        limits = _joined(workspace.limits, self._of_workspaces)
        if limits.in_flight and self._in_flight[workspace.id] >= limits.in_flight and not push.is_ring:
            return Later(Reason.WORKSPACE_BUSY, retry_after=1.0)
        if limits.per_month and self._usage.of_workspace(workspace.name) >= limits.per_month:
            return Rejected(Reason.QUOTA_MONTH)
        return self._too_fast(("workspace", workspace.id), limits, push, Reason.WORKSPACE_RATE)

    def of_app(self, push: Push, app: str) -> Outcome | None:
        """Say why an app, by its name, may not have this push, if so; else it has used a token."""
        snapshot = self._follower.snapshot
        limits = _joined(snapshot.limits_of(app) if snapshot else Limits(), self._of_apps)
        if limits.per_month and self._usage.of_app(app) >= limits.per_month:
            return Rejected(Reason.APP_QUOTA_MONTH)
        return self._too_fast(("app", app), limits, push, Reason.APP_RATE)

    @contextmanager
    def at_work(self, push: Push) -> Iterator[None]:
        """Count a request of its workspace while the block runs."""
        workspace = push.member.workspace.id
        self._in_flight[workspace] += 1
        try:
            yield
        finally:
            self._in_flight[workspace] -= 1
            if not self._in_flight[workspace]:
                del self._in_flight[workspace]

    async def warn(self) -> None:
        """Tell of quotas that come to their end."""
        month = month_of(self._clock.now())
        for workspace in self._follower.snapshot.workspaces if self._follower.snapshot else ():
            quota = _joined(workspace.limits, self._of_workspaces).per_month
            self._warn_of(f"workspace {month}", workspace.name, self._usage.of_workspace(workspace.name), quota)
        for app in self._follower.snapshot.apps.values() if self._follower.snapshot else ():
            quota = _joined(app.limits, self._of_apps).per_month
            self._warn_of(f"app {month}", app.name, self._usage.of_app(app.name), quota)

    def _warn_of(self, whose: str, name: str, used: int, quota: int | None) -> None:
        share = next((share for share in WARNED_AT if quota and used >= share * quota), None)
        if share is not None:
            now = self._clock.now()
            notice = Notice(
                kind=NoticeKind.QUOTA,
                subject=name,
                about=f"{whose} {share:.0%}",
                words=f"{used:,} of {quota:,}",
                at=now,
                until=now + STANDS_SECONDS,
            )
            self._notices.post(notice)

    def _too_fast(self, whose: tuple[str, str], limits: Limits, push: Push, reason: Reason) -> Later | None:
        """A ring is never refused for coming too fast: its server would not send it again."""
        if not limits.rate:
            return None
        rate = limits.rate / max(1, self._live())
        burst = max(1.0, (limits.burst or BURST_SECONDS * limits.rate) / max(1, self._live()))
        now = self._clock.monotonic()
        wait = self._bucket(whose, burst, now).take(rate, burst, now, overdraws=push.is_ring)
        return Later(reason, retry_after=max(1.0, wait)) if wait else None

    def _bucket(self, whose: tuple[str, str], burst: float, now: float) -> TokenBucket:
        bucket = self._buckets.get(whose)
        if bucket is None:
            bucket = self._buckets[whose] = TokenBucket(burst, now)
        self._buckets.move_to_end(whose)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return bucket


def _joined(own: Limits, general: Limits) -> Limits:
    """Return the limits that hold: what is not of its own is as for all."""
    if own == Limits():
        return general
    return Limits(
        rate=general.rate if own.rate is None else own.rate,
        burst=general.burst if own.burst is None else own.burst,
        per_month=general.per_month if own.per_month is None else own.per_month,
        in_flight=general.in_flight if own.in_flight is None else own.in_flight,
    )
