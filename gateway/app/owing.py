"""All that takes care of stored pushes, put together."""

import msgspec

from gateway.config import Settings
from gateway.delivery.bookkeeping import Bookkeeping
from gateway.delivery.breaker import Breakers
from gateway.delivery.dispatcher import Dispatcher
from gateway.delivery.follower import Follower
from gateway.delivery.guard_watch import Guard
from gateway.delivery.handover import Handover
from gateway.delivery.late_verdicts import LateVerdicts
from gateway.delivery.outbox import Outbox
from gateway.delivery.outbox_shares import OutboxLimits
from gateway.delivery.places import Places
from gateway.delivery.redelivery import Redelivery
from gateway.delivery.settlement import Settlement
from gateway.model.clock import Clock
from gateway.model.outbox import Lane
from gateway.store.port import Store


class Owed(msgspec.Struct, frozen=True):
    """All that takes care of stored pushes."""

    breakers: Breakers
    guard: Guard
    outbox: Outbox
    late_verdicts: LateVerdicts
    handover: Handover
    redelivery: Redelivery


def owe(
    store: Store,
    dispatcher: Dispatcher,
    breakers: Breakers,
    guard: Guard,
    follower: Follower,
    books: Bookkeeping,
    settings: Settings,
    clock: Clock,
) -> Owed:
    """Put together what takes care of stored pushes on a store."""
    delivery, places = settings.delivery, Places(settings.limits.app_in_flight)
    outbox = Outbox(store, clock, OutboxLimits(delivery.outbox_max, delivery.outbox_max_per_workspace))
    late_verdicts = LateVerdicts(store, clock)
    settlement = Settlement(outbox, late_verdicts, books, clock)
    return Owed(
        breakers=breakers,
        guard=guard,
        outbox=outbox,
        late_verdicts=late_verdicts,
        handover=Handover(
            dispatcher,
            breakers,
            late_verdicts,
            guard,
            outbox,
            places,
            settlement,
            clock,
            delivery.answer_within,
        ),
        redelivery=Redelivery(outbox, dispatcher, settlement, breakers, follower, clock),
    )


def renew(owed: Owed, lanes: frozenset[Lane]) -> None:
    """Begin anew with new credentials."""
    for lane in lanes:
        owed.breakers.renewed(lane)
    owed.guard.renewed(lanes)
    owed.redelivery.renewed(lanes)
