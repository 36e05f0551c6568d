"""Tells of APNs certificates that end soon: a month, a week and a day before."""

from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.delivery.follower import Follower
from gateway.delivery.notices import Notices
from gateway.model.app import App
from gateway.model.clock import Clock
from gateway.model.notice import Notice, NoticeKind

LOOK_SECONDS = 60.0
DAYS = (30, 7, 1)
"""How long before its end a certificate is told of; keys have no end."""
_DAY = 86_400.0


class ExpiryWatch:
    """Posts a notice when a certificate comes near its end, and withdraws it when there is another."""

    def __init__(self, follower: Follower, notices: Notices, clock: Clock) -> None:
        self._follower = follower
        self._notices = notices
        self._clock = clock

    async def look(self) -> None:
        """Compare what is to be told of with what stands."""
        if (snapshot := self._follower.snapshot) is None:
            return
        now = self._clock.now()
        wanted = {notice.id: notice for app in snapshot.apps.values() for notice in _notices_of(app, now)}
        for notice in wanted.values():
            self._notices.post(notice)
        for notice in self._notices.all():
            if notice.kind is NoticeKind.CREDENTIALS_EXPIRE and notice.id not in wanted:
                self._notices.withdraw(notice.kind, notice.subject, notice.about)


def _notices_of(app: App, now: float) -> Iterator[Notice]:
    """Return the notice of the nearest time that has come; it gives way to the next by itself."""
    if app.apns is None or (end := app.apns.expires_at) is None:
        return
    steps = [(days, end - days * _DAY) for days in DAYS]
    ends_of_steps = [*(at for _, at in steps[1:]), None]
    for (days, begins), until in zip(steps, ends_of_steps, strict=True):
        if begins <= now and (until is None or now < until):
            words = f"It ends on {datetime.fromtimestamp(end, UTC):%Y-%m-%d at %H:%M} UTC."
            yield Notice(
                kind=NoticeKind.CREDENTIALS_EXPIRE,
                subject=app.name,
                about=str(days),
                words=words,
                at=now,
                until=until,
            )
