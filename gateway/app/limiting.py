"""All that bounds what workspaces, apps and strangers take, put together."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import msgspec

from gateway.config import LimitsSettings
from gateway.delivery import quotas as quotas_module
from gateway.delivery import usage as usage_module
from gateway.delivery.allowance import Allowance
from gateway.delivery.follower import Follower
from gateway.delivery.looks import repeatedly
from gateway.delivery.notices import Notices
from gateway.delivery.quotas import Quotas
from gateway.delivery.strangers import Strangers
from gateway.delivery.usage import UsageCounter
from gateway.model.clock import Clock
from gateway.store.usage_port import UsageStore


class Limiting(msgspec.Struct, frozen=True):
    """What was used, what may be, and who knocks in vain."""

    usage: UsageCounter
    quotas: Quotas
    allowance: Allowance
    strangers: Strangers
    clock: Clock

    def runs(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Return what is to run beside everything else."""
        yield repeatedly(self.usage.look, usage_module.WRITE_SECONDS, self.clock, "usage")
        yield repeatedly(self.quotas.look, quotas_module.LOOK_SECONDS, self.clock, "quotas")


def limiting(
    store: UsageStore,
    follower: Follower,
    notices: Notices,
    settings: LimitsSettings,
    live: Callable[[], int],
    clock: Clock,
) -> Limiting:
    """Bound everybody as the settings say, and as each is allowed; `live` tells how many gateways share the rates."""
    usage = UsageCounter(store, clock)
    quotas = Quotas(settings, usage, follower, notices, clock)
    return Limiting(
        usage=usage,
        quotas=quotas,
        allowance=Allowance(settings, quotas, follower, live, clock),
        strangers=Strangers(settings.failed_authentications, clock),
        clock=clock,
    )
