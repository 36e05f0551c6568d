"""What becomes of an item of the outbox once its attempt has ended."""

import msgspec

from gateway.delivery.bookkeeping import Bookkeeping
from gateway.delivery.late_verdicts import LateVerdicts
from gateway.delivery.outbox import Outbox
from gateway.delivery.push import Push, Report
from gateway.delivery.retry import next_attempt
from gateway.model.clock import Clock
from gateway.model.outbox import LateVerdict, OutboxItem
from gateway.model.outcome import Expired, Later, Outcome, TokenDead
from gateway.model.reason import Reason


class Settlement:
    """Ends an item with its final outcome, or gives it back for a later attempt."""

    def __init__(self, outbox: Outbox, late_verdicts: LateVerdicts, books: Bookkeeping, clock: Clock) -> None:
        self._outbox = outbox
        self._late_verdicts = late_verdicts
        self._books = books
        self._clock = clock

    async def settle(self, item: OutboxItem, push: Push, report: Report) -> None:
        """Act on what an attempt has led to; `report` counts its own attempts only."""
        attempts = item.attempts + report.attempts
        outcome = report.outcome
        if isinstance(outcome, Later):
            due_at = next_attempt(self._clock.now(), attempts, outcome.retry_after, push.is_ring)
            if due_at < item.expires_at:
                await self._outbox.postpone(item, due_at, attempts, outcome.reason.value)
                return
            outcome = Expired(detail=outcome.text)
        if outcome.reason is Reason.VOIP_EXPIRED:
            outcome = Expired()
        report = msgspec.structs.replace(report, outcome=outcome, push=push, attempts=attempts)
        self._books.owed_finished(push, report, waited_for=item.reason)
        untold = self._untold(push, outcome)
        await self._outbox.finish(item, untold)
        if untold is not None:
            self._late_verdicts.learn(untold)

    def _untold(self, push: Push, outcome: Outcome) -> LateVerdict | None:
        """Return what the server must hear with its next push to this device."""
        if not isinstance(outcome, TokenDead):
            return None
        return LateVerdict(
            workspace=push.member.workspace.id,
            device=push.device,
            reason=outcome.reason.value,
            since=outcome.since,
            at=self._clock.now(),
        )
