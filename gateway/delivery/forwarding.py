"""Pushes of the official app go on to the official gateway, where their workspace allows it.

They go with the bearer of the server that sent them, which lives as long as its request and is kept nowhere. So what
cannot be forwarded now is not stored: the server comes again.
"""

import msgspec
import structlog

from gateway.delivery.breaker import Breakers
from gateway.delivery.handover import Handover
from gateway.delivery.notices import Notices
from gateway.delivery.owners import Owner, Owners
from gateway.delivery.push import Original, Push, Report
from gateway.model.app import OFFICIAL_GATEWAY
from gateway.model.clock import Clock
from gateway.model.errors import StoreError
from gateway.model.notice import Notice, NoticeKind
from gateway.model.notification import Platform
from gateway.model.outbox import Lane
from gateway.model.outcome import Delivered, Later, Outcome, Rejected, TokenDead, Unauthorized
from gateway.model.reason import Reason
from gateway.model.secret import Secret
from gateway.model.verdict import Verdict, VerdictKind
from gateway.observability.metrics import Metrics
from gateway.providers.upstream import Upstream

PAUSE_SECONDS = 3600.0
"""For how long nothing is forwarded of a workspace after a 422."""
LANE = Lane(OFFICIAL_GATEWAY, "upstream")
"""What rests while the official gateway answers nobody."""

log = structlog.stdlib.get_logger("gateway.delivery")


class Forwarding:
    """Stands before the handover: own apps go first, and what is not theirs goes on."""

    def __init__(
        self,
        handover: Handover,
        upstream: Upstream,
        owners: Owners,
        notices: Notices,
        breakers: Breakers,
        metrics: Metrics,
        clock: Clock,
        topics: tuple[str, ...],
        timeout: float,
    ) -> None:
        """Take what is needed; `topics` are the official apps', `timeout` is in seconds."""
        self._handover = handover
        self._upstream = upstream
        self._owners = owners
        self._notices = notices
        self._breakers = breakers
        self._metrics = metrics
        self._clock = clock
        self._topics = frozenset(topics)
        self._timeout = timeout

    async def deliver(self, push: Push, original: Original, answer_by: float) -> Report:
        """Deliver a push by the workspace's own apps, or forward it.

        Args:
            push: what to deliver.
            original: the request it came in, to be forwarded.
            answer_by: until when an answer is of use, in seconds of the monotonic clock.
        """
        bearer = original.bearer
        if bearer is None or not push.member.workspace.forward:
            return await self._handover.deliver(push, answer_by)
        owner = await self._owner(push)
        if owner is Owner.FOREIGN:
            return await self._forward(push, original.body, bearer, answer_by, Report(_UNASKED, push))
        report = await self._by_own_apps(push, owner, answer_by)
        if report.is_foreign:
            return await self._forward(push, original.body, bearer, answer_by, report)
        return report

    async def _owner(self, push: Push) -> Owner:
        """Say whose app a push is for: on apn by its topic, on gcm by what is known of the device."""
        notification = push.notification
        if notification.platform is Platform.GCM:
            return await self._owners.of(push)
        is_theirs = notification.app_topic in self._topics and not push.member.routes(notification)
        return Owner.FOREIGN if is_theirs else Owner.OURS

    async def _by_own_apps(self, push: Push, owner: Owner, answer_by: float) -> Report:
        """Let own apps deliver; where none may know the device, wait for their verdict and leave a forward its time.

        A push that was stored can only be theirs.
        """
        if owner is Owner.UNKNOWN:
            report = await self._handover.deliver(push, answer_by - self._timeout, waits=True)
        else:
            report = await self._handover.deliver(push, answer_by)
        self._owners.learn(push, report)
        return report

    async def _forward(self, push: Push, body: bytes, bearer: Secret, answer_by: float, so_far: Report) -> Report:
        """Forward a push that is none of ours; `so_far` counts how often own apps were asked."""
        so_far = msgspec.structs.replace(so_far, app=OFFICIAL_GATEWAY)
        if (barred := self._barred(push)) is not None:
            return msgspec.structs.replace(so_far, outcome=barred)
        verdict = await self._attempt(push, body, bearer, answer_by)
        outcome = await self._judged(verdict, push, answer_by)
        return msgspec.structs.replace(so_far, outcome=outcome, verdict=verdict, attempts=so_far.attempts + 1)

    def _barred(self, push: Push) -> Outcome | None:
        if self._notices.standing(NoticeKind.FORWARDING_PAUSED, push.member.workspace.name):
            return Rejected(Reason.FORWARDING_PAUSED)
        if push.notification.seconds_of_use(self._clock.now()) <= 0:
            return Rejected(Reason.VOIP_EXPIRED)
        if not self._breakers.allows(LANE):
            return Later(Reason.FORWARDING_FAILED, "it has answered nobody just now")
        return None

    async def _attempt(self, push: Push, body: bytes, bearer: Secret, answer_by: float) -> Verdict:
        useful = push.notification.seconds_of_use(self._clock.now())
        timeout = min(self._timeout, answer_by - self._clock.monotonic(), useful)
        with self._metrics.provider_request(LANE.provider):
            verdict = await self._upstream.send(push.notification.platform, body, bearer, timeout)
        self._breakers.heard(LANE, _as_of_the_lane(verdict))
        return verdict

    async def _judged(self, verdict: Verdict, push: Push, answer_by: float) -> Outcome:
        match verdict.kind:
            case VerdictKind.ACCEPTED:
                return Delivered(verdict.reason)
            case VerdictKind.SUSPECT:
                return await self._dead(push, answer_by)
            case VerdictKind.CREDENTIALS_REFUSED:
                return Unauthorized(verdict.reason)
            case VerdictKind.REFUSED:
                self._pause(push.member.workspace.name)
                return Rejected(verdict.reason)
        if verdict.reason is Reason.FORWARDING_FAILED:
            return Later(verdict.reason, verdict.words)
        return Later(verdict.reason, f"it answered {verdict.status}", verdict.retry_after, verdict.status)

    async def _dead(self, push: Push, answer_by: float) -> Outcome:
        """Pass a 406 on where no app of ours could be the one that has the token."""
        try:
            is_kept = await self._owners.have_delivered(push, answer_by)
        except (StoreError, TimeoutError):
            return Later(Reason.STORE_UNAVAILABLE)
        return Rejected(Reason.FORWARDED_TOKEN_KEPT) if is_kept else TokenDead(Reason.FORWARDED_TOKEN_DEAD)

    def _pause(self, workspace: str) -> None:
        now = self._clock.now()
        log.warning("forwarding_paused", workspace=workspace, seconds=PAUSE_SECONDS)
        notice = Notice(
            kind=NoticeKind.FORWARDING_PAUSED,
            subject=workspace,
            words="The official gateway rejected a push of it.",
            at=now,
            until=now + PAUSE_SECONDS,
        )
        self._notices.post(notice)


def _as_of_the_lane(verdict: Verdict) -> Verdict:
    """Return what a verdict says of the official gateway: what it says of one workspace, it says in good health."""
    is_trouble = verdict.status is None or verdict.status >= 500 or verdict.reason is Reason.FORWARDING_FAILED
    return msgspec.structs.replace(verdict, kind=VerdictKind.LATER if is_trouble else VerdictKind.ACCEPTED)


_UNASKED = Later(Reason.FORWARDING_FAILED)
"""What stands in a report of which nobody was asked yet."""
