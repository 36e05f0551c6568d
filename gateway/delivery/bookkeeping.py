"""What is written down of every push, behind the answer."""

import structlog

from gateway.delivery.dead_letters import DeadLetters
from gateway.delivery.devices import Devices
from gateway.delivery.push import Push, Report
from gateway.delivery.records import DeliveryLog
from gateway.model.clock import Clock
from gateway.model.delivery import DEVICE_DIGITS, Delivery
from gateway.model.device import Sighting
from gateway.model.outcome import TokenDead
from gateway.model.reason import Reason
from gateway.model.secret import Secret
from gateway.model.verdict import VerdictKind
from gateway.observability.metrics import Metrics

_KNOWS_THE_TOKEN = (VerdictKind.ACCEPTED, VerdictKind.DEAD)
"""The verdicts of a provider that has, or had, the token for this app."""

log = structlog.stdlib.get_logger("gateway.push")


class Bookkeeping:
    """Writes final outcomes into the delivery log, and what they tell of devices into the registry.

    Those of stored pushes are also counted and told here.
    """

    def __init__(
        self, deliveries: DeliveryLog, devices: Devices, dead_letters: DeadLetters, metrics: Metrics, clock: Clock
    ) -> None:
        self._deliveries = deliveries
        self._devices = devices
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._clock = clock

    def finished(self, push_id: str, workspace: str, platform: str, report: Report, ms: float) -> None:
        """Keep what became of a push in the end.

        Args:
            push_id: the push's own.
            workspace: the name of the one that sent it.
            platform: the door it came through.
            report: with its final outcome.
            ms: the milliseconds it took.
        """
        verdict, push, now = report.verdict, report.push, self._clock.now()
        delivery = Delivery(
            id=push_id,
            at=now,
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
        if report.attempts and push:
            self._devices.add(_sighting(push, report, now))

    def owed_finished(self, push: Push, report: Report, waited_for: str) -> None:
        """Keep and tell what became of a push that was answered long ago, and why it had been stored until now."""
        notification = push.notification
        seconds = self._clock.now() - notification.received_at
        platform, workspace = notification.platform, push.member.workspace.name
        self.finished(notification.id, workspace, platform.value, report, round(seconds * 1000, 1))
        self._metrics.owed_finished(platform, report.app or "none", report.outcome, seconds)
        self._dead_letters.ended(report.app or "none", report.outcome)
        log.info(
            "stored_push_finished",
            **told(notification.id, workspace, platform.value, report),
            waited_for=waited_for,
            attempts=report.attempts,
            seconds=round(seconds, 1),
        )


def told(push_id: str, workspace: str | None, platform: str, report: Report) -> dict[str, object]:
    """Return what a log line tells of a push: never what somebody wrote, nor a token."""
    push, outcome, verdict = report.push, report.outcome, report.verdict
    return {
        "request_id": push_id,
        "workspace": workspace,
        "app": report.app,
        "platform": platform,
        "kind": push.notification.kind.value if push else None,
        "device": push.device[:DEVICE_DIGITS] if push else None,
        "outcome": outcome.label,
        "reason": outcome.reason.value,
        "provider_status": verdict.status if verdict else None,
        "provider_words": verdict.words if verdict else None,
    }


def _sighting(push: Push, report: Report, at: float) -> Sighting:
    outcome, notification = report.outcome, push.notification
    dead = outcome if isinstance(outcome, TokenDead) else None
    is_known = report.verdict is not None and report.verdict.kind in _KNOWS_THE_TOKEN
    return Sighting(
        device=push.device,
        token=Secret(notification.token),
        platform=notification.platform.value,
        workspaces=(push.member.workspace.name,),
        seen_at=notification.received_at,
        at=at,
        app=report.app if is_known else None,
        environment=report.environment if is_known else None,
        success_at=at if outcome.reason is Reason.DELIVERED else None,
        dead_reason=dead.reason.value if dead else None,
        dead_since=dead.since if dead else None,
        is_stale=outcome.reason is Reason.APNS_UNREGISTERED_STALE,
        foreign_to=push.member.android_apps if report.is_foreign else None,
    )
