"""What is written down of every push, behind the answer."""

import structlog

from gateway.delivery.push import Push, Report
from gateway.delivery.records import DeliveryLog
from gateway.model.clock import Clock
from gateway.model.delivery import DEVICE_DIGITS, Delivery
from gateway.observability.metrics import Metrics

log = structlog.stdlib.get_logger("gateway.push")


class Bookkeeping:
    """Writes final outcomes into the delivery log; those of stored pushes are also counted and told here."""

    def __init__(self, deliveries: DeliveryLog, metrics: Metrics, clock: Clock) -> None:
        self._deliveries = deliveries
        self._metrics = metrics
        self._clock = clock

    def finished(self, push_id: str, workspace: str, platform: str, report: Report, ms: float) -> None:
        """Keep what became of a push in the end."""
        verdict, push = report.verdict, report.push
        delivery = Delivery(
            id=push_id,
            at=self._clock.now(),
            workspace=workspace,
            app=report.app,
            platform=platform,
            kind=push.notification.kind.value if push else None,
            device=push.device if push else None,
            outcome=report.outcome.label,
            reason=report.outcome.reason.value,
            provider_status=verdict.status if verdict else None,
            provider_words=verdict.words if verdict else "",
            provider_id=verdict.provider_id if verdict else "",
            attempts=report.attempts,
            ms=ms,
            key=push.key if push else None,
        )
        self._deliveries.add(delivery)

    def owed_finished(self, push: Push, report: Report) -> None:
        """Keep and tell what became of a push that was answered long ago."""
        notification, outcome, verdict = push.notification, report.outcome, report.verdict
        seconds = self._clock.now() - notification.received_at
        platform, workspace = notification.platform, push.member.workspace.name
        self.finished(notification.id, workspace, platform.value, report, round(seconds * 1000, 1))
        self._metrics.owed_finished(platform, report.app or "none", outcome, seconds)
        log.info(
            "stored_push_finished",
            request_id=notification.id,
            workspace=workspace,
            app=report.app,
            platform=platform.value,
            kind=notification.kind.value,
            device=push.device[:DEVICE_DIGITS],
            outcome=outcome.label,
            reason=outcome.reason.value,
            provider_status=verdict.status if verdict else None,
            provider_words=verdict.words if verdict else None,
            attempts=report.attempts,
            seconds=round(seconds, 1),
        )
