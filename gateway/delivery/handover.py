"""The first attempt, and who sees a push through when it is not done by the time a server is answered."""

import asyncio

import msgspec

from gateway.delivery.allowance import Allowance
from gateway.delivery.breaker import Breakers
from gateway.delivery.dispatcher import Dispatcher, lane_of
from gateway.delivery.guard import Guard
from gateway.delivery.late_verdicts import LateVerdicts
from gateway.delivery.outbox import Outbox
from gateway.delivery.places import Places
from gateway.delivery.push import Push, Report
from gateway.delivery.retry import next_attempt
from gateway.delivery.settlement import Settlement
from gateway.delivery.snapshot import Route
from gateway.delivery.under_way import UnderWay
from gateway.model.clock import Clock
from gateway.model.outbox import Lane, OutboxItem
from gateway.model.outcome import Later, Outcome, Stored
from gateway.model.reason import Reason

_MAY_COME = (Reason.UNKNOWN_TOPIC, Reason.NO_APP_FOR_PLATFORM)
"""Why a push has no way which may have one when its workspace is resumed."""

_STORED_AS = {Reason.GUARD_TRIPPED: Reason.STORED_HELD, Reason.STORED_HELD: Reason.STORED_HELD}
"""What it is called that a push is kept for another reason than the provider's trouble."""


class Handover:
    """Answers within the time a server should wait: by the first attempt's verdict, else by a stored push."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        allowance: Allowance,
        breakers: Breakers,
        guard: Guard,
        late_verdicts: LateVerdicts,
        outbox: Outbox,
        places: Places,
        settlement: Settlement,
        clock: Clock,
        answer_within: float,
    ) -> None:
        self._dispatcher = dispatcher
        self._allowance = allowance
        self._breakers = breakers
        self._guard = guard
        self._late_verdicts = late_verdicts
        self._outbox = outbox
        self._places = places
        self._settlement = settlement
        self._clock = clock
        self._answer_within = answer_within
        self._under_way = UnderWay(clock)

    async def deliver(self, push: Push, answer_by: float, waits: bool = False) -> Report:
        """Attempt a push, or store it.

        Args:
            push: what to deliver.
            answer_by: until when an answer is of use, in seconds of the monotonic clock: the limit of the attempt.
            waits: whether the attempt's verdict is waited for until then, rather than the push stored meanwhile.
        """
        report = await self._attempt_or_keep(push, answer_by, waits)
        if not isinstance(report.outcome, Later | Stored):
            self._outbox.withdraw(push.notification.id)
        return report

    async def _attempt_or_keep(self, push: Push, answer_by: float, waits: bool) -> Report:
        routes = await self._dispatcher.routes(push)
        if isinstance(routes, Outcome):
            return await self._unroutable(push, routes)
        dead = await self._late_verdicts.told(push)
        if dead is not None and not self._guard.forbids(dead, routes):
            return Report(dead, push)
        if (refusal := self._allowance.of_app(push, routes[0].app)) is not None:
            return Report(refusal, push, routes[0].app)
        lane = lane_of(routes[0], push.notification)
        if push.member.workspace.held or routes[0].held:
            return await self._keep_unasked(push, lane, Reason.STORED_HELD)
        if self._outbox.waits(push.line) and not push.is_ring:
            in_line = await self._keep_unasked(push, lane, Reason.STORED_IN_LINE)
            if isinstance(in_line.outcome, Stored):
                return in_line  # else out of turn is better than not at all
        if (hindrance := self._hindrance(push, routes[0], lane)) is not None:
            return await self._keep_unasked(push, lane, hindrance)
        return await self._attempt(push, routes, lane, answer_by, waits)

    async def _unroutable(self, push: Push, outcome: Outcome) -> Report:
        """Keep a push of a workspace on hold, whose apps and topics may be about to come."""
        if push.member.workspace.held and outcome.reason in _MAY_COME:
            return await self._keep_unasked(push, Lane("", push.notification.platform.provider), Reason.STORED_HELD)
        return Report(outcome, push)

    def _hindrance(self, push: Push, route: Route, lane: Lane) -> Reason | None:
        """Say why a push is not attempted at once; a ring always is, for it cannot wait."""
        if push.is_ring:
            return None
        if not self._breakers.allows(lane):
            return Reason.STORED_RESTING
        is_free = self._places.is_free(lane, push.member.workspace.id, route.in_flight)
        return None if is_free else Reason.STORED_BUSY

    async def aclose(self, grace: float) -> None:
        """Let what is under way finish, `grace` seconds at most."""
        await self._under_way.aclose(grace)

    async def _keep_unasked(self, push: Push, lane: Lane, reason: Reason) -> Report:
        unasked = Report(Later(reason), push, lane.app or None)
        report = await self._keep(_item(push, lane, self._clock.now(), reason), unasked)
        if reason is Reason.STORED_BUSY and isinstance(report.outcome, Later):
            return msgspec.structs.replace(report, outcome=Later(Reason.APP_BUSY))
        return report

    async def _attempt(
        self, push: Push, routes: tuple[Route, ...], lane: Lane, answer_by: float, waits: bool
    ) -> Report:
        """Attempt a push; a ring that cannot be stored again and again, for its server will not send it again."""
        report = await self._attempt_once(push, routes, lane, answer_by, waits)
        while (pause := self._until_next_ring(push, report, answer_by)) is not None:
            await self._clock.sleep(pause)
            again = await self._attempt_once(push, routes, lane, answer_by, waits=True)
            report = msgspec.structs.replace(again, attempts=report.attempts + again.attempts)
        return report

    async def _attempt_once(
        self, push: Push, routes: tuple[Route, ...], lane: Lane, answer_by: float, waits: bool
    ) -> Report:
        attempt = self._begin(push, routes, lane, answer_by)
        if not await self._is_in_time(attempt):
            self._breakers.slow(lane)
            item = _item(push, lane, self._clock.now(), Reason.STORED_SLOW)
            if not waits and await self._outbox.put(item, leased=True) is None:
                self._see_through(attempt, item, push)
                return Report(Stored(Reason.STORED_SLOW, due_at=item.due_at), push, lane.app)
        report = await attempt  # nobody else can see it through, so the server waits
        if isinstance(report.outcome, Later):
            failed = Lane(report.app or lane.app, lane.provider)
            return await self._keep_for_later(push, failed, report, report.outcome.retry_after)
        return report

    def _until_next_ring(self, push: Push, report: Report, answer_by: float) -> float | None:
        """Return the seconds until a ring is attempted again while its server waits; None: it is not."""
        if not push.is_ring or not isinstance(report.outcome, Later):
            return None
        now = self._clock.now()
        at = next_attempt(now, report.attempts, report.outcome.retry_after, is_ring=True)
        is_of_use = at < push.notification.expires_at and self._clock.monotonic() + at - now < answer_by
        return at - now if is_of_use else None

    def _begin(self, push: Push, routes: tuple[Route, ...], lane: Lane, answer_by: float) -> asyncio.Task[Report]:
        """Start an attempt, which has a place of its lane until it ends."""
        workspace = push.member.workspace.id
        self._places.take(lane, workspace)
        attempt = asyncio.create_task(self._dispatcher.along(routes, push, answer_by), name="attempt")
        attempt.add_done_callback(lambda _: self._places.give_back(lane, workspace))
        return attempt

    async def _is_in_time(self, attempt: asyncio.Task[Report]) -> bool:
        woken = asyncio.Event()
        timer = self._clock.call_later(self._answer_within, woken.set)
        attempt.add_done_callback(lambda _: woken.set())
        try:
            await woken.wait()
        finally:
            timer.cancel()
        return attempt.done()

    async def _keep_for_later(self, push: Push, lane: Lane, report: Report, retry_after: float | None) -> Report:
        """Store a push that the provider could not take; one that is over by then is the server's again."""
        due_at = next_attempt(self._clock.now(), report.attempts, retry_after, push.is_ring)
        if due_at >= push.notification.expires_at:
            return report
        item = _item(push, lane, due_at, report.outcome.reason)
        return await self._keep(msgspec.structs.replace(item, attempts=report.attempts), report)

    async def _keep(self, item: OutboxItem, report: Report) -> Report:
        """Store an item; where it cannot be stored, what the provider said is the answer if it said why."""
        was_asked = report.attempts > 0
        refusal = await self._outbox.put(item, leased=False)
        if refusal is not None:
            is_answer = was_asked and report.outcome.reason is not Reason.STORED_HELD
            return report if is_answer else msgspec.structs.replace(report, outcome=refusal)
        reason = _STORED_AS.get(report.outcome.reason, Reason.STORED_LATER) if was_asked else report.outcome.reason
        return msgspec.structs.replace(report, outcome=Stored(reason, due_at=item.due_at))

    def _see_through(self, attempt: asyncio.Task[Report], item: OutboxItem, push: Push) -> None:
        self._under_way.start(self._finish(attempt, item, push), "attempt of a stored push")

    async def _finish(self, attempt: asyncio.Task[Report], item: OutboxItem, push: Push) -> None:
        with self._outbox.at_work(item):
            await self._settlement.settle(item, push, await attempt)


def _item(push: Push, lane: Lane, due_at: float, reason: Reason) -> OutboxItem:
    notification = push.notification
    return OutboxItem(
        id=notification.id,
        key=push.key,
        workspace=push.member.workspace.id,
        lane=lane.of_rings if push.is_ring else lane,
        line=push.line,
        device=push.device,
        received_at=notification.received_at,
        expires_at=notification.expires_at,
        due_at=due_at,
        attempts=0,
        reason=reason.value,
        notification=notification,
    )
