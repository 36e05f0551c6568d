"""What is written down of every push, behind the answer."""

from gateway.delivery.devices import Devices
from gateway.delivery.dispatcher import Report
from gateway.delivery.records import DeliveryLog
from gateway.model.clock import Clock
from gateway.model.delivery import Delivery
from gateway.model.device import Sighting
from gateway.model.notification import Notification
from gateway.model.outcome import Delivered, TokenDead
from gateway.model.reason import Reason
from gateway.model.secret import Secret
from gateway.model.verdict import VerdictKind

_KNOWS_THE_TOKEN = (VerdictKind.ACCEPTED, VerdictKind.DEAD)
"""The verdicts of a provider that has, or had, the token for this app."""


class Bookkeeping:
    """Writes final outcomes into the delivery log, and what they tell of devices into the registry."""

    def __init__(self, deliveries: DeliveryLog, devices: Devices, clock: Clock) -> None:
        self._deliveries = deliveries
        self._devices = devices
        self._clock = clock

    def finished(
        self, push_id: str, workspace: str, platform: str, report: Report, device: str | None, ms: float
    ) -> None:
        """Keep what became of a push in the end.

        Args:
            push_id: the push's own.
            workspace: the name of the one that sent it.
            platform: the door it came through.
            report: with its final outcome.
            device: the keyed hash of the device token; None where the push could not be read.
            ms: the milliseconds it took.
        """
        notification, verdict, now = report.notification, report.verdict, self._clock.now()
        delivery = Delivery(
            id=push_id,
            at=now,
            workspace=workspace,
            app=report.app,
            platform=platform,
            kind=notification.kind.value if notification else None,
            device=device,
            outcome=report.outcome.label,
            reason=report.outcome.reason.value,
            provider_status=verdict.status if verdict else None,
            provider_words=verdict.words if verdict else "",
            provider_id=verdict.provider_id if verdict else "",
            attempts=report.attempts,
            ms=ms,
        )
        self._deliveries.add(delivery)
        if report.attempts and notification and device:
            self._devices.add(_sighting(device, workspace, notification, report, now))


def _sighting(device: str, workspace: str, notification: Notification, report: Report, at: float) -> Sighting:
    outcome = report.outcome
    dead = outcome if isinstance(outcome, TokenDead) else None
    is_known = report.verdict is not None and report.verdict.kind in _KNOWS_THE_TOKEN
    return Sighting(
        device=device,
        token=Secret(notification.token),
        platform=notification.platform.value,
        workspaces=(workspace,),
        seen_at=notification.received_at,
        at=at,
        app=report.app if is_known else None,
        environment=report.environment if is_known else None,
        success_at=at if isinstance(outcome, Delivered) else None,
        dead_reason=dead.reason.value if dead else None,
        dead_since=dead.since if dead else None,
        is_stale=outcome.reason is Reason.APNS_UNREGISTERED_STALE,
    )
