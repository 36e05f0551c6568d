"""What keeps the limits, put together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from gateway.app.background import in_background
from gateway.config import LimitsSettings
from gateway.delivery.follower import Follower
from gateway.delivery.notices import Notices
from gateway.delivery.quotas import Quotas
from gateway.delivery.throttle import Throttle
from gateway.delivery.usages import Usages
from gateway.model.clock import Clock
from gateway.model.errors import StoreError
from gateway.store.usage_port import UsageStore


@asynccontextmanager
async def counting(store: UsageStore, clock: Clock) -> AsyncIterator[Usages]:
    """Go on from what was counted before, and write what is counted while the block runs, and what is left then."""
    usages = Usages(store, clock)
    with suppress(StoreError):  # they are read again
        await usages.read()
    try:
        async with in_background(usages.run()):
            yield usages
    finally:
        await usages.flush()


def throttle_on(
    usages: Usages,
    follower: Follower,
    notices: Notices,
    limits: LimitsSettings,
    gateways: Callable[[], int],
    clock: Clock,
) -> Throttle:
    """Put together what lets requests pass; `gateways` counts those that run."""
    quotas = Quotas(usages, follower, notices, limits, clock)
    return Throttle(follower, quotas, limits, gateways, clock)
