"""The push door: one request, one push, one answer."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from gateway.delivery.admission import Admission
from gateway.delivery.allowance import Allowance
from gateway.delivery.bookkeeping import Bookkeeping, told
from gateway.delivery.brake import Brake
from gateway.delivery.desk import Desk
from gateway.delivery.push import Original, Report
from gateway.delivery.refusals import Refusals
from gateway.delivery.snapshot import Member
from gateway.delivery.usage import UsageCounter
from gateway.model.address import Network
from gateway.model.clock import Clock
from gateway.model.notification import new_push_id
from gateway.model.outcome import Later, Outcome, Rejected, Stored
from gateway.model.reason import Reason
from gateway.observability.metrics import Metrics
from gateway.rocketchat.answer import PATIENCE, Answer, answer
from gateway.rocketchat.endpoint import Endpoint
from gateway.rocketchat.request import is_ring
from gateway.web.sender import Sender

log = structlog.stdlib.get_logger("gateway.push")

Read = Callable[[], Awaitable[bytes | Rejected]]
"""Reads a request's body, or says why it is not taken."""


class PushDoor:
    """Takes push requests of registered workspaces and answers in the terms of the wire contract."""

    def __init__(
        self,
        admission: Admission,
        allowance: Allowance,
        desk: Desk,
        books: Bookkeeping,
        usage: UsageCounter,
        metrics: Metrics,
        clock: Clock,
        trusted_proxies: Sequence[Network],
    ) -> None:
        self._admission = admission
        self._allowance = allowance
        self._refusals = Refusals(clock)
        self._desk = desk
        self._books = books
        self._usage = usage
        self._metrics = metrics
        self._brake = Brake(clock)
        self._clock = clock
        self._trusted_proxies = trusted_proxies

    async def handle(self, endpoint: Endpoint, sender: Sender, read: Read) -> Answer:
        """Answer one push request; whatever happens, with a status that the server understands."""
        visit = _Visit(endpoint, sender, read, new_push_id(), self._clock.monotonic())
        try:
            report = await self._receive(visit)
        except Exception as error:  # a fault of ours must not end as a 500, which says nothing
            log.error("push_failed", request_id=visit.push_id, exc_info=error)
            report = Report(Later(Reason.INTERNAL_ERROR))
        try:
            self._record(visit, report)
        except Exception as error:  # a fault of ours must not take the answer from a push that was sent
            log.error("push_unrecorded", request_id=visit.push_id, exc_info=error)
        if visit.member is not None:
            await self._brake.hold(visit.member.workspace.id, report.outcome)
        return answer(report.outcome, visit.push_id)

    async def _receive(self, visit: "_Visit") -> Report:
        sender = visit.sender
        member = await self._admission.admit(
            visit.endpoint.secret or sender.bearer, sender.address(self._trusted_proxies)
        )
        if isinstance(member, Outcome):
            await visit.read()  # to close on unread data is to reset the connection
            return Report(member)
        visit.member = member
        with self._allowance.place(member.workspace) as refusal:
            body = await visit.read()
            if refusal is None:
                return await self._take(visit, member, body)
        return await self._take_ring(visit, member, body) or Report(refusal)

    async def _take_ring(self, visit: "_Visit", member: Member, body: bytes | Rejected) -> Report | None:
        """Take a push that was refused if it is a ring, and there is room for one."""
        if isinstance(body, bytes) and is_ring(body, visit.endpoint.platform, self._clock.now()):
            with self._allowance.place(member.workspace, is_ring=True) as refusal:
                if refusal is None:
                    return await self._take(visit, member, body)
        return None

    async def _take(self, visit: "_Visit", member: Member, body: bytes | Rejected) -> Report:
        if isinstance(body, Outcome):
            return Report(body)
        original = Original(body, visit.sender.bearer_to_pass_on(visit.endpoint.secret))
        platform, answer_by = visit.endpoint.platform, visit.started + PATIENCE
        return await self._desk.take(member, original, platform, visit.push_id, answer_by)

    def _record(self, visit: "_Visit", report: Report) -> None:
        seconds = self._clock.monotonic() - visit.started
        outcome, platform = report.outcome, visit.endpoint.platform
        ms = round(seconds * 1000, 1)
        self._metrics.push(platform, report.app or "none", outcome, seconds)
        workspace = visit.member.workspace.name if visit.member else None
        if workspace is not None:
            self._usage.count(workspace, report.app, outcome.label)
            self._metrics.workspace_request(workspace, outcome)
        if (untold := self._refusals.untold(workspace, outcome)) is None:
            return
        # strangers could fill the log; a stored push is logged when it is done
        if workspace is not None and not isinstance(outcome, Stored):
            self._books.finished(visit.push_id, workspace, platform.value, report, ms)
        more = {"untold": untold} if untold else {}
        log.info("push", **told(visit.push_id, workspace, platform.value, report), ms=ms, **more)


class _Visit:
    """One request on its way through the door."""

    __slots__ = ("endpoint", "member", "push_id", "read", "sender", "started")

    def __init__(self, endpoint: Endpoint, sender: Sender, read: Read, push_id: str, started: float) -> None:
        self.endpoint = endpoint
        self.sender = sender
        self.read = read
        self.push_id = push_id
        self.started = started
        self.member: Member | None = None
