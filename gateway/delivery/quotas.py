"""How many pushes a month each workspace and app has; who comes near the end is told of in time."""

from collections.abc import Iterator
from typing import NamedTuple

from gateway.config import LimitsSettings
from gateway.delivery.follower import Follower
from gateway.delivery.notices import Notices
from gateway.delivery.usage import UsageCounter
from gateway.model.clock import Clock
from gateway.model.limits import Limits
from gateway.model.notice import Notice, NoticeKind
from gateway.model.outcome import Rejected
from gateway.model.reason import Reason
from gateway.model.usage import end_of_month, month_of

LOOK_SECONDS = 5.0
MARKS = (80, 100)
"""The shares of a quota, in percent, that are told of."""
SETTLED_SECONDS = 30.0
"""Before a notice is so old, it is not taken back: others may not have read yet what it was posted for."""


class _Account(NamedTuple):
    """Whose quota it is, and how much of it is taken."""

    kind: str
    name: str
    taken: int
    quota: int

    def has_reached(self, mark: int) -> bool:
        return self.taken * 100 >= self.quota * mark


class Quotas:
    """Says who has had all pushes of the month, and tells of those who will have soon.

    Every gateway goes by what all have written, a few seconds old, and by its own counts: so several may together take
    a few seconds' pushes more than the quota.
    """

    def __init__(
        self, limits: LimitsSettings, usage: UsageCounter, follower: Follower, notices: Notices, clock: Clock
    ) -> None:
        """Take what is needed; `limits` are those of who has none of its own."""
        self._of_workspaces = limits.of_workspaces
        self._of_apps = limits.of_apps
        self._usage = usage
        self._follower = follower
        self._notices = notices
        self._clock = clock

    def of_workspace(self, name: str, own: Limits) -> Rejected | None:
        """Say why a workspace may send no more this month, if so."""
        quota = own.over(self._of_workspaces).per_month
        is_over = quota and self._usage.of_workspace(name) >= quota
        return Rejected(Reason.QUOTA_MONTH, f"{quota:,} a month") if is_over else None

    def of_app(self, name: str, own: Limits) -> Rejected | None:
        """Say why no more may go to an app this month, if so."""
        quota = own.over(self._of_apps).per_month
        is_over = quota and self._usage.of_app(name) >= quota
        return Rejected(Reason.APP_QUOTA_MONTH, f"{quota:,} a month") if is_over else None

    async def look(self) -> None:
        """Tell of quotas that come to their end, until the month is over or they are raised."""
        reached: set[tuple[str, str]] = set()
        for account in self._accounts():
            for mark in MARKS:
                if account.has_reached(mark):
                    about = f"{account.kind} {month_of(self._clock.now())} {mark}%"
                    reached.add((account.name, about))
                    self._post(account, about)
        self._withdraw_all_but(reached)

    def _accounts(self) -> Iterator[_Account]:
        snapshot, usage = self._follower.snapshot, self._usage
        for workspace in snapshot.workspaces if snapshot else ():
            if quota := workspace.limits.over(self._of_workspaces).per_month:
                yield _Account("workspace", workspace.name, usage.of_workspace(workspace.name), quota)
        for app in snapshot.apps.values() if snapshot else ():
            if quota := app.limits.over(self._of_apps).per_month:
                yield _Account("app", app.name, usage.of_app(app.name), quota)

    def _post(self, account: _Account, about: str) -> None:
        now = self._clock.now()
        notice = Notice(
            kind=NoticeKind.QUOTA,
            subject=account.name,
            about=about,
            words=f"{account.taken:,} of {account.quota:,}",
            at=now,
            until=end_of_month(now),
        )
        self._notices.post(notice)

    def _withdraw_all_but(self, reached: set[tuple[str, str]]) -> None:
        """Take back what a higher quota has made untrue."""
        settled = self._clock.now() - SETTLED_SECONDS
        for notice in self._notices.all():
            is_untrue = notice.kind is NoticeKind.QUOTA and (notice.subject, notice.about) not in reached
            if is_untrue and notice.at <= settled:
                self._notices.withdraw(notice.kind, notice.subject, notice.about)
