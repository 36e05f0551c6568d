"""A reset of the guard by an operator, beside the running gateways, which follow the store."""

from gateway.app.composition import open_store
from gateway.app.reach import open_webhook
from gateway.config import Settings
from gateway.delivery.alarms import Alarms
from gateway.delivery.suspicion import GONE
from gateway.model.clock import Clock
from gateway.model.notice import Notice, NoticeKind

BELIEVED_SECONDS = 3600.0


async def reset_guard(settings: Settings, app: str, clock: Clock) -> list[str]:
    """Withdraw whatever has tripped for an app, and tell of the alarms' end; return the reason codes.

    Where many tokens were called uninstalled, they are believed to be for an hour: else whoever withdraws an old app
    would have to say so again after every few tokens.

    Raises:
        StoreError: the store cannot be used.
        SettingsError: the way to the webhook is set wrongly.
    """
    reasons = []
    async with (
        open_store(settings) as opened,
        open_webhook(settings.alarms, settings.providers, clock) as webhook,
    ):
        alarms, notices = Alarms(webhook, clock), opened.store.notices
        for trip in await notices.all():
            is_ours = trip.kind is NoticeKind.GUARD_TRIPPED and trip.subject == app
            if is_ours and trip.about in GONE:
                await notices.post(_believed(trip, clock.now()))
            if is_ours and await notices.withdraw(trip.id):
                alarms.heard(trip, stands=False)
                reasons.append(trip.about)
        await alarms.flush()
    return reasons


def _believed(trip: Notice, now: float) -> Notice:
    kind, until = NoticeKind.GUARD_RESET, now + BELIEVED_SECONDS
    return Notice(kind=kind, subject=trip.subject, about=trip.about, at=now, until=until)
