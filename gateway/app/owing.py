"""All that takes care of stored pushes, put together."""

from functools import partial

import msgspec

from gateway.config import Settings
from gateway.delivery.allowance import Allowance
from gateway.delivery.bookkeeping import Bookkeeping
from gateway.delivery.breaker import Breakers
from gateway.delivery.dispatcher import Dispatcher
from gateway.delivery.follower import Follower
from gateway.delivery.guard import Guard
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
    outbox: Outbox
    late_verdicts: LateVerdicts
    handover: Handover
    redelivery: Redelivery


def owe(
    store: Store,
    dispatcher: Dispatcher,
    breakers: Breakers,
    guard: Guard,
    allowance: Allowance,
    follower: Follower,
    books: Bookkeeping,
    settings: Settings,
    clock: Clock,
) -> Owed:
    """Put together what takes care of stored pushes on a store."""
    delivery, places = settings.delivery, Places(settings.limits.app_in_flight)
    outbox = Outbox(
        store,
        clock,
        OutboxLimits(delivery.outbox_max, delivery.outbox_max_per_workspace),
        partial(_own_shares, follower),
    )
    late_verdicts = LateVerdicts(store, clock)
    settlement = Settlement(outbox, late_verdicts, books, clock)
    return Owed(
        breakers=breakers,
        outbox=outbox,
        late_verdicts=late_verdicts,
        handover=Handover(
            dispatcher,
            allowance,
            breakers,
            guard,
            late_verdicts,
            outbox,
            places,
            settlement,
            clock,
            delivery.answer_within,
        ),
        redelivery=Redelivery(outbox, dispatcher, settlement, breakers, follower, clock),
    )


def _own_shares(follower: Follower, workspace: str, app: str) -> tuple[int | None, int | None]:
    """Say how many stored pushes a workspace (its id) and an app may have, where that differs from the settings."""
    member = follower.snapshot.by_id(workspace) if follower.snapshot else None
    of_app = follower.snapshot.limits_of(app).outbox if follower.snapshot else None
    return member.workspace.limits.outbox if member else None, of_app


def renew(owed: Owed, lanes: frozenset[Lane]) -> None:
    """Begin anew with new credentials."""
    for lane in lanes:
        owed.breakers.renewed(lane)
    owed.redelivery.renewed(lanes)
