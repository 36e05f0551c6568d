"""How many pushes a month each workspace and app has; who comes near the end is told of in time.

Every gateway goes by what all have written, read every five seconds, and by its own counts since; so what gateways take
in these seconds may be a little more than the quota.
"""

from collections.abc import Iterator
from typing import NamedTuple

from gateway.config import LimitsSettings
from gateway.delivery.follower import Follower
from gateway.delivery.notices import Notices
from gateway.delivery.usages import Usages
from gateway.model.clock import Clock
from gateway.model.errors import StoreError
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
APP = " app"
"""Ends what a notice is about where its subject is an app, for a workspace may have the same name."""


class _Account(NamedTuple):
    """A workspace or app with a quota, how much of it is taken, and what its notices end in."""

    name: str
    taken: int
    quota: int
    kind: str

    def has_reached(self, mark: int) -> bool:
        return self.taken * 100 >= self.quota * mark


class Quotas:
    """Turns away what is more than a month's pushes."""

    def __init__(
        self, usages: Usages, follower: Follower, notices: Notices, limits: LimitsSettings, clock: Clock
    ) -> None:
        self._usages = usages
        self._follower = follower
        self._notices = notices
        self._limits = limits
        self._clock = clock

    def refusal_of_workspace(self, name: str, own: Limits) -> Rejected | None:
        """Say why a workspace may send no more this month, if so."""
        quota = workspace_quota(self._limits, own)
        is_over = quota and self._usages.of_workspace(name) >= quota
        return Rejected(Reason.QUOTA_MONTH, f"{quota} a month") if is_over else None

    def refusal_of_app(self, name: str, own: Limits) -> Rejected | None:
        """Say why no more may go to an app this month, if so."""
        quota = app_quota(self._limits, own)
        is_over = quota and self._usages.of_app(name) >= quota
        return Rejected(Reason.APP_QUOTA_MONTH, f"{quota} a month") if is_over else None

    async def look(self) -> None:
        """Read what all gateways have counted, if any quota is set, and tell of those that come to their end."""
        if not any(self._accounts()):
            return
        try:
            await self._usages.read()
        except StoreError:  # whoever writes the counts tells of it
            return
        reached = {
            (account.name, self._about(mark, account.kind)): account
            for account in self._accounts()
            for mark in MARKS
            if account.has_reached(mark)
        }
        for (subject, about), account in reached.items():
            self._post(subject, about, f"{account.taken} of {account.quota}")
        self._withdraw_all_but(set(reached))

    def _accounts(self) -> Iterator[_Account]:
        snapshot, usages, limits = self._follower.snapshot, self._usages, self._limits
        for workspace in snapshot.workspaces() if snapshot else ():
            if quota := workspace_quota(limits, workspace.limits):
                yield _Account(workspace.name, usages.of_workspace(workspace.name), quota, "")
        for app in snapshot.apps.values() if snapshot else ():
            if quota := app_quota(limits, app.limits):
                yield _Account(app.name, usages.of_app(app.name), quota, APP)

    def _about(self, mark: int, kind: str) -> str:
        return f"{month_of(self._clock.now())} {mark}%{kind}"

    def _post(self, subject: str, about: str, words: str) -> None:
        now = self._clock.now()
        notice = Notice(
            kind=NoticeKind.QUOTA, subject=subject, about=about, words=words, at=now, until=end_of_month(now)
        )
        self._notices.post(notice)

    def _withdraw_all_but(self, reached: set[tuple[str, str]]) -> None:
        """Take back what a higher quota has made untrue."""
        settled = self._clock.now() - SETTLED_SECONDS
        for notice in self._notices.all():
            is_true = notice.kind is not NoticeKind.QUOTA or (notice.subject, notice.about) in reached
            if not is_true and notice.at <= settled:
                self._notices.withdraw(notice.kind, notice.subject, notice.about)


def workspace_quota(limits: LimitsSettings, own: Limits) -> int:
    """Return how many pushes a month a workspace has; 0 is no limit."""
    return limits.workspace_per_month if own.per_month is None else own.per_month


def app_quota(limits: LimitsSettings, own: Limits) -> int:
    """Return how many pushes a month an app has; 0 is no limit."""
    return limits.app_per_month if own.per_month is None else own.per_month
