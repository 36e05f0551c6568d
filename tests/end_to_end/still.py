"""A gateway for which time passes only when it is told to."""

import asyncio
from collections.abc import Callable
from typing import Any

from gateway.delivery.breaker import TRIP_SECONDS
from gateway.delivery.devices import device_hash
from gateway.model.delivery import Delivery, DeliveryQuery
from gateway.providers.simulator.ledger import Received
from tests.clock import ManualClock
from tests.end_to_end.running import IPHONE, Answer, Running, message


class Still:
    """A gateway for which time passes only when it is told to."""

    def __init__(self, running: Running, clock: ManualClock, until: Callable[..., Any]) -> None:
        self.running = running
        self.simulator = running.simulator
        self.clock = clock
        self._until = until

    async def push(self, token: str = IPHONE, **options: Any) -> Answer:
        platform = "gcm" if ":" in token else "apn"
        await self.clock.advance(0.001)
        return await self.running.push(platform, message(token, **options))

    async def rest(self, first: str = IPHONE) -> list[str]:
        """Push to new devices until the provider is left alone; return their tokens."""
        tokens = []
        while not self.running.gateway.owed.breakers.resting():
            tokens.append(f"{first[:-2]}{len(tokens):02}")
            assert (await self.push(tokens[-1])).code == "stored_later"
            await self.clock.advance(TRIP_SECONDS if len(tokens) == 1 else 0.0)
        return tokens

    async def asked(self, pushes: int = 1) -> None:
        """Wait until so many pushes wait for Apple's answer; no time passes."""
        registry = self.running.gateway.metrics.registry
        await self._until(lambda: registry.get_sample_value("push_inflight", {"provider": "apns"}) == pushes)

    async def out_of_line(self, token: str) -> None:
        """Let time pass until the gateway knows that nothing waits for a device any more."""
        line = device_hash(self.running.gateway.vault, token)
        await self.passes(lambda: not self.running.gateway.owed.outbox.waits(line))

    async def received(self, number: int) -> list[Received]:
        """Let time pass until the provider has got so many pushes."""
        await self.passes(lambda: len(self.simulator.received) >= number)
        return self.simulator.received

    async def passes(self, holds: Callable[[], object], step: float = 0.25) -> None:
        """Let time pass until something holds."""
        async with asyncio.timeout(30):
            while not holds():
                await self.clock.advance(step)
                await asyncio.sleep(0.001)

    async def empty(self) -> None:
        """Let time pass until nothing is owed any more."""
        outbox = self.running.gateway.owed.outbox
        await self.passes(lambda: outbox.in_flight == 0)
        async with asyncio.timeout(30):
            while (await self.running.gateway.store.outbox.count()).total:
                await self.clock.advance(0.25)

    async def log(self) -> list[Delivery]:
        """What the delivery log says, oldest first."""
        deliveries = self.running.gateway.deliveries
        await self.passes(lambda: deliveries.statistics().waiting == 0)
        return await self.running.gateway.store.deliveries(DeliveryQuery(oldest_first=True), None, 999)
