"""The delivery log: one entry for every push, written behind the answers."""

from collections import deque
from collections.abc import Sequence

from gateway.delivery.write_behind import CAPACITY, WriteBehind
from gateway.model.clock import Clock
from gateway.model.delivery import Delivery
from gateway.store.port import Store


class DeliveryLog(WriteBehind[Delivery]):
    """Takes deliveries at once; where too many wait, the oldest is dropped."""

    what = "deliveries"

    def __init__(self, store: Store, clock: Clock, retention: float) -> None:
        """Take the retention in seconds."""
        super().__init__(clock, retention)
        self._store = store
        self._line: deque[Delivery] = deque()

    def add(self, delivery: Delivery) -> None:
        """Take one to be written."""
        if self._waiting >= CAPACITY:
            self._line.popleft()
            self._dropped += 1
        self._line.append(delivery)

    def _count(self) -> int:
        return len(self._line)

    def _take(self, limit: int) -> list[Delivery]:
        return [self._line.popleft() for _ in range(min(limit, len(self._line)))]

    async def _store_batch(self, batch: Sequence[Delivery]) -> None:
        await self._store.add(batch)

    async def _remove(self, before: float, limit: int) -> int:
        return await self._store.remove_deliveries(before, limit)
