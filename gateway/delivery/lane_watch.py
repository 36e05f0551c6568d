"""Tells of lanes in trouble: a provider that does not take an app's pushes, or refuses its credentials."""

from gateway.delivery.notices import Notices
from gateway.model.clock import Clock
from gateway.model.notice import Notice, NoticeKind
from gateway.model.outbox import Lane
from gateway.model.verdict import Verdict, VerdictKind

STANDS_SECONDS = 3600.0
"""How long a lane that nobody hears of any more counts as in trouble; of one that is still, it is told again then."""


class LaneWatch:
    """Posts a notice when a lane rests, and withdraws it when the lane flows again."""

    def __init__(self, notices: Notices, clock: Clock) -> None:
        self._notices = notices
        self._clock = clock

    def rests(self, lane: Lane, verdict: Verdict | None) -> None:
        """Hear that a lane rests, for the first time or again.

        Args:
            lane: which.
            verdict: the one that made it; None: too many attempts got no answer in time.
        """
        now = self._clock.now()
        is_refused = verdict is not None and verdict.kind is VerdictKind.CREDENTIALS_REFUSED
        notice = Notice(
            kind=NoticeKind.CREDENTIALS_REFUSED if is_refused else NoticeKind.BREAKER_OPEN,
            subject=lane.app,
            about=lane.provider,
            words=said(verdict) if verdict is not None else "no answer in time",
            at=now,
            until=now + STANDS_SECONDS,
        )
        self._notices.post(notice)

    def flows(self, lane: Lane) -> None:
        """Hear that a lane which rested takes pushes again."""
        for kind in (NoticeKind.BREAKER_OPEN, NoticeKind.CREDENTIALS_REFUSED):
            self._notices.withdraw(kind, lane.app, lane.provider)


def said(verdict: Verdict) -> str:
    """Return what a provider said: its status and words, or what we call it where it said nothing."""
    status = "" if verdict.status is None else f"{verdict.status} "
    return f"{status}{verdict.words or verdict.reason.value}"
