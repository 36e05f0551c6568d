"""The port to the device registry."""

from collections.abc import Sequence
from typing import Protocol

from gateway.model.device import Device, DeviceQuery, Sighting


class DeviceStore(Protocol):
    """What is known of devices, by the keyed hashes of their tokens. The tokens themselves are encrypted.

    Every method raises StoreError when the store cannot be used.
    """

    async def sight(self, sightings: Sequence[Sighting]) -> None:
        """Merge sightings, in their order, into the devices they speak of; one that is not there is made.

        Others may do so at the same time and nothing is lost. What was merged already may come again.
        """
        ...

    async def get(self, device: str) -> Device | None:
        """Return the device with this id."""
        ...

    async def find(self, wanted: DeviceQuery, after: Device | None, limit: int) -> list[Device]:
        """Read devices, the last seen first; of the same moment, by the id.

        Args:
            wanted: which.
            after: the last one of the page before; None for the first page.
            limit: how many at most.
        """
        ...

    async def forget(self, device: str) -> bool:
        """Remove one; tell whether it was there."""
        ...

    async def remove(self, before: float, limit: int) -> int:
        """Forget those not seen for longest, `limit` at most, of those last seen before `before` (UNIX seconds).

        Return how many.
        """
        ...
