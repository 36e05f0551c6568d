"""Checks every app's credentials now and then, at the providers themselves, without a push to anybody.

What comes of it moves neither the guard nor the breakers, and stands in no log of pushes.
"""

import asyncio
from collections.abc import Iterator, Sequence

from gateway.delivery.follower import Follower
from gateway.delivery.judgement import OTHER_ENVIRONMENT_ONLY
from gateway.delivery.lane_watch import said
from gateway.delivery.notices import Notices
from gateway.model.app import ApnsCredentials
from gateway.model.clock import Clock
from gateway.model.errors import StoreError
from gateway.model.notice import Notice, NoticeKind
from gateway.model.outbox import Lane
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.providers.providers import Credentials, Providers
from gateway.store.notice_port import NoticeStore

LOOK_SECONDS = 30.0
"""The pause between two looks whether an app's turn has come, or less if checks are to be more frequent."""
AGAIN_SECONDS = 10.0
"""A check that failed is made once more after this time before it is told of."""

_PROOFS = frozenset({VerdictKind.ACCEPTED, VerdictKind.SUSPECT, VerdictKind.DEAD})
_PROVING_REASONS = frozenset(
    {Reason.APNS_DEVICE_TOKEN_NOT_FOR_TOPIC, Reason.APNS_TOO_MANY_REQUESTS, Reason.FCM_INVALID_ARGUMENT}
)
"""Answers that only those get whose credentials were accepted."""


class Canary:
    """Checks each app every so often, one gateway of all on the store at a time."""

    def __init__(
        self,
        follower: Follower,
        providers: Providers,
        notices: Notices,
        store: NoticeStore,
        clock: Clock,
        every: float,
        timeout: float,
    ) -> None:
        """Take what is needed; `every` and `timeout` are seconds, `every` 0 means never."""
        self._follower = follower
        self._providers = providers
        self._notices = notices
        self._store = store
        self._clock = clock
        self._every = every
        self._timeout = timeout

    @property
    def pause(self) -> float:
        """Return the seconds between two looks."""
        return min(self._every or LOOK_SECONDS, LOOK_SECONDS)

    async def look(self) -> None:
        """Check the apps whose turn has come."""
        lanes = self._lanes()
        self._forget_all_but(lanes)
        due = {app for app in {lane.app for lane in lanes} if await self._is_our_turn(app)}
        await asyncio.gather(*(self._check(lane, keys) for lane, keys in lanes.items() if lane.app in due))

    def results(self) -> Iterator[tuple[str, str, bool]]:
        """Return app, provider and whether the last check went well, whoever made it; asks nobody."""
        for lane in self._lanes():
            if self._notices.standing(NoticeKind.CANARY_DONE, lane.app) is not None:
                yield lane.app, lane.provider, self._failure(lane) is None

    def _lanes(self) -> dict[Lane, list[Credentials]]:
        lanes: dict[Lane, list[Credentials]] = {}
        if self._every and self._follower.snapshot is not None:
            for route in self._follower.snapshot.routes():
                provider = "apns" if isinstance(route.credentials, ApnsCredentials) else "fcm"
                lanes.setdefault(Lane(route.app, provider), []).append(route.credentials)
        return lanes

    def _failure(self, lane: Lane) -> Notice | None:
        return self._notices.standing(NoticeKind.CANARY_FAILED, lane.app, lane.provider)

    def _forget_all_but(self, lanes: dict[Lane, list[Credentials]]) -> None:
        """Withdraw what nobody will check again."""
        for notice in self._notices.all() if self._follower.snapshot is not None else ():
            if notice.kind is NoticeKind.CANARY_FAILED and Lane(notice.subject, notice.about) not in lanes:
                self._notices.withdraw(notice.kind, notice.subject, notice.about)

    async def _is_our_turn(self, app: str) -> bool:
        now = self._clock.now()
        last = self._notices.standing(NoticeKind.CANARY_DONE, app)
        if last is not None and last.at > now - self._every:
            return False
        done = Notice(kind=NoticeKind.CANARY_DONE, subject=app, at=now, until=now + 3 * max(self._every, LOOK_SECONDS))
        try:
            return await self._store.post(done, unless_since=now - self._every / 2)
        except StoreError:
            return False  # of which others tell

    async def _check(self, lane: Lane, keys: Sequence[Credentials]) -> None:
        trouble = await self._trouble(keys)
        if trouble is not None:
            await self._clock.sleep(AGAIN_SECONDS)
            trouble = await self._trouble(keys)
        if trouble is None:
            self._notices.withdraw(NoticeKind.CANARY_FAILED, lane.app, lane.provider)
        else:
            self._notices.post(self._failed(lane, trouble))

    async def _trouble(self, keys: Sequence[Credentials]) -> Verdict | None:
        """Return a verdict that does not prove that these credentials are accepted.

        Of the two environments of one app's key, one may be closed to it.
        """
        verdicts = await asyncio.gather(*(self._providers.check(one, self._timeout) for one in keys))
        troubles = [verdict for verdict in verdicts if not _proves(verdict)]
        if len(troubles) < len(verdicts):
            troubles = [verdict for verdict in troubles if verdict.reason not in OTHER_ENVIRONMENT_ONLY]
        return next(iter(troubles), None)

    def _failed(self, lane: Lane, verdict: Verdict) -> Notice:
        return Notice(
            kind=NoticeKind.CANARY_FAILED,
            subject=lane.app,
            about=lane.provider,
            words=said(verdict),
            at=self._clock.now(),
        )


def _proves(verdict: Verdict) -> bool:
    return verdict.kind in _PROOFS or verdict.reason in _PROVING_REASONS
