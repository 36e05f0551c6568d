"""All that tells an operator what stands, put together."""

import secrets
from collections.abc import Coroutine, Iterator
from typing import Any

import msgspec

from gateway.config import ProvidersSettings
from gateway.delivery import dead_letters, expiry_watch
from gateway.delivery.alarms import Alarms, Webhook
from gateway.delivery.canary import Canary
from gateway.delivery.dead_letters import DeadLetters
from gateway.delivery.expiry_watch import ExpiryWatch
from gateway.delivery.follower import Follower
from gateway.delivery.lane_watch import LaneWatch
from gateway.delivery.looks import repeatedly
from gateway.delivery.notices import Notices
from gateway.model.clock import Clock
from gateway.providers.providers import Providers
from gateway.store.notice_port import NoticeStore


class Watches(msgspec.Struct, frozen=True):
    """What is posted by those who see it, and the alarms that come of it."""

    notices: Notices
    lanes: LaneWatch
    dead_letters: DeadLetters
    alarms: Alarms
    expiries: ExpiryWatch
    canary: Canary
    clock: Clock

    def runs(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Return what is to run beside everything else."""
        yield self.notices.run()
        yield self.alarms.run()
        yield repeatedly(self.dead_letters.look, dead_letters.LOOK_SECONDS, self.clock, "dead letters")
        yield repeatedly(self.expiries.look, expiry_watch.LOOK_SECONDS, self.clock, "expiries")
        yield repeatedly(self.canary.look, self.canary.pause, self.clock, "canary")

    async def flush(self) -> None:
        """Write down and send what is left, when nothing runs any more; both are bounded in time."""
        self.dead_letters.leave()
        await self.notices.flush()
        await self.alarms.flush()


def watches_over(
    follower: Follower,
    providers: Providers,
    store: NoticeStore,
    webhook: Webhook | None,
    settings: ProvidersSettings,
    clock: Clock,
) -> Watches:
    """Let alarms hear of what is posted on a store, by everybody who sees something."""
    notices, alarms = Notices(store, clock), Alarms(webhook, clock)
    notices.tell(alarms.heard)
    return Watches(
        notices=notices,
        lanes=LaneWatch(notices, clock),
        dead_letters=DeadLetters(notices, secrets.token_hex(4), clock),
        alarms=alarms,
        expiries=ExpiryWatch(follower, notices, clock),
        canary=Canary(follower, providers, notices, store, clock, settings.canary_every, settings.timeout),
        clock=clock,
    )
