"""This gateway's heartbeat, and what it knows of the others' on the same store."""

import os
import secrets
import socket
from contextlib import suppress

import structlog

from gateway.delivery.follower import Follower
from gateway.model.clock import Clock, time_limit
from gateway.model.errors import StoreError
from gateway.model.heartbeat import Heartbeat
from gateway.store.crypto import Vault
from gateway.store.heartbeat_port import HeartbeatStore

BEAT_SECONDS = 5.0
KEPT_SECONDS = 86_400.0
"""How long a gateway that fell silent is remembered."""
LEAVE_SECONDS = 2.0
"""How long taking leave may last at the end."""

log = structlog.stdlib.get_logger("gateway.delivery")


class Pulse:
    """Beats every five seconds, and reads who else does. Of a store in trouble it says nothing: the follower does."""

    def __init__(self, store: HeartbeatStore, vault: Vault, follower: Follower, clock: Clock, version: str) -> None:
        self._store = store
        self._vault = vault
        self._follower = follower
        self._clock = clock
        self._version = version
        self._id = secrets.token_hex(8)
        self._started_at = clock.now()
        self.gateways: tuple[Heartbeat, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The fingerprints of the encryption keys of this gateway, the primary first."""
        return self._vault.fingerprints

    @property
    def live(self) -> int:
        """How many gateways on this store have beaten lately, as far as this one knows."""
        return sum(gateway.is_live(self._clock.now()) for gateway in self.gateways)

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await self._beat_quietly()
            await self._clock.sleep(BEAT_SECONDS)

    async def leave(self) -> None:
        """Tell that this gateway ends, as far as the store takes it in time."""
        with suppress(StoreError, TimeoutError):
            async with time_limit(self._clock, LEAVE_SECONDS):
                await self._store.leave(self._id)

    async def _beat_quietly(self) -> None:
        try:
            with suppress(StoreError):
                await self._beat()
        except Exception as error:  # a fault of ours must not make this gateway look dead for good
            log.error("heartbeat_failed", exc_info=error)

    async def _beat(self) -> None:
        outdated = self._clock.now() - KEPT_SECONDS
        await self._store.beat(self._heartbeat())
        known = await self._store.since(0.0)
        self.gateways = tuple(gateway for gateway in known if gateway.at >= outdated)
        if len(known) > len(self.gateways):
            await self._store.remove(outdated)

    def _heartbeat(self) -> Heartbeat:
        snapshot = self._follower.snapshot
        return Heartbeat(
            id=self._id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=self._version,
            started_at=self._started_at,
            at=self._clock.now(),
            keys=self.keys,
            revision=snapshot.revision if snapshot else None,
        )
