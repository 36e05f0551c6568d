"""The port to the heartbeats of the gateways on one store."""

from typing import Protocol

from gateway.model.heartbeat import Heartbeat


class HeartbeatStore(Protocol):
    """The last heartbeat of every gateway. Every method raises StoreError when the store cannot be used."""

    async def beat(self, heartbeat: Heartbeat) -> None:
        """Put a heartbeat in the place of the gateway's last one."""
        ...

    async def since(self, at: float) -> list[Heartbeat]:
        """Read those of `at` (UNIX seconds) or later, by host and time of start.

        One that cannot be read is logged and removed: a gateway that lives puts its next one there.
        """
        ...

    async def remove(self, before: float) -> None:
        """Forget gateways that have not beaten since `before` (UNIX seconds)."""
        ...

    async def leave(self, gateway: str) -> None:
        """Forget a gateway that ends; one that is not there is no error."""
        ...
