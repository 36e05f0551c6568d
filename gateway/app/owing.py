"""All that takes care of stored pushes, put together."""

from functools import partial

import msgspec

from gateway.config import Settings
from gateway.delivery.bookkeeping import Bookkeeping
from gateway.delivery.breaker import Breakers
from gateway.delivery.dispatcher import Dispatcher
from gateway.delivery.follower import Follower
from gateway.delivery.guard import Guard
from gateway.delivery.handover import Handover
from gateway.delivery.late_verdicts import LateVerdicts
from gateway.delivery.outbox import Outbox
from gateway.delivery.outbox_shares import OutboxLimits, OwnShares
from gateway.delivery.places import Places
from gateway.delivery.redelivery import Redelivery
from gateway.delivery.settlement import Settlement
from gateway.delivery.throttle import Throttle
from gateway.model.clock import Clock
from gateway.model.outbox import Lane
from gateway.store.port import Store


class Owed(msgspec.Struct, frozen=True):
    """All that takes care of stored pushes."""

    breakers: Breakers
    outbox: Outbox
    late_verdicts: LateVerdicts
    handover: Handover
    redelivery: Redelivery


def owe(
    store: Store,
    dispatcher: Dispatcher,
    breakers: Breakers,
    guard: Guard,
    throttle: Throttle,
    follower: Follower,
    books: Bookkeeping,
    settings: Settings,
    clock: Clock,
) -> Owed:
    """Put together what takes care of stored pushes on a store."""
    delivery, places = settings.delivery, Places(settings.limits.app_in_flight)
    limits = OutboxLimits(delivery.outbox_max, delivery.outbox_max_per_workspace)
    outbox = Outbox(store, clock, limits, partial(_own_shares, follower))
    late_verdicts = LateVerdicts(store, clock)
    settlement = Settlement(outbox, late_verdicts, books, clock)
    return Owed(
        breakers=breakers,
        outbox=outbox,
        late_verdicts=late_verdicts,
        handover=Handover(
            dispatcher,
            breakers,
            guard,
            throttle,
            late_verdicts,
            outbox,
            places,
            settlement,
            clock,
            delivery.answer_within,
        ),
        redelivery=Redelivery(outbox, dispatcher, settlement, breakers, follower, clock),
    )


def _own_shares(follower: Follower, workspace: str, app: str) -> OwnShares:
    """Look up how much of the outbox a workspace (id) and an app (name) may have, if not the usual."""
    snapshot = follower.snapshot
    member, of_app = (snapshot.by_id(workspace), snapshot.app(app)) if snapshot else (None, None)
    return OwnShares(
        workspace=member.workspace.limits.outbox if member else None,
        app=of_app.limits.outbox if of_app else None,
    )


def renew(owed: Owed, lanes: frozenset[Lane]) -> None:
    """Begin anew with new credentials."""
    for lane in lanes:
        owed.breakers.renewed(lane)
    owed.redelivery.renewed(lanes)
