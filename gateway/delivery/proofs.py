"""Which credentials have delivered something since they were last changed."""

import asyncio
from collections.abc import Collection, Iterable

import structlog

from gateway.model.clock import Clock
from gateway.model.errors import StoreError
from gateway.store.port import Store

log = structlog.stdlib.get_logger("gateway.delivery")


class Proofs:
    """The credentials, by fingerprint, that have delivered; kept in the store behind the answer."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._saved: set[str] = set()
        self._known: set[str] = set()
        self._writing: dict[str, asyncio.Task[None]] = {}

    def learn(self, fingerprints: Collection[str]) -> None:
        """Take over what the store remembers."""
        self._saved.update(fingerprints)
        self._known.update(fingerprints)

    def add(self, fingerprint: str) -> None:
        """Remember a success; one the store could not take is written at the next."""
        self._known.add(fingerprint)
        if fingerprint not in self._saved and fingerprint not in self._writing:
            self._writing[fingerprint] = asyncio.create_task(self._save(fingerprint))

    def has_any(self, fingerprints: Iterable[str]) -> bool:
        """Tell whether one of these credentials has delivered."""
        return not self._known.isdisjoint(fingerprints)

    async def flush(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._writing.values())

    async def _save(self, fingerprint: str) -> None:
        try:
            await self._store.add_proof(fingerprint, self._clock.now())
            self._saved.add(fingerprint)
        except StoreError as error:
            log.warning("proof_not_saved", error=str(error))
        finally:
            del self._writing[fingerprint]
