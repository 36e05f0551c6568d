"""Key files beside an embedded store may be rotated while gateways run: they go by what the file says."""

import asyncio

import structlog

from gateway.model.clock import Clock
from gateway.model.errors import StoreKeyError
from gateway.store.local_keys import KeyFiles

POLL_SECONDS = 2.0

log = structlog.stdlib.get_logger("gateway.delivery")


class KeyWatch:
    """Looks at the key file every two seconds; where it cannot be used, the keys stay as they were."""

    def __init__(self, files: KeyFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._trouble = ""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._clock.sleep(POLL_SECONDS)
            await self._look()

    async def _look(self) -> None:
        try:
            if await asyncio.to_thread(self._files.refresh):
                log.info("keys_adopted")
        except (StoreKeyError, OSError) as error:
            self._complain(str(error))
        else:
            self._complain("")

    def _complain(self, trouble: str) -> None:
        """Tell each trouble once, however long it lasts."""
        if trouble and trouble != self._trouble:
            log.error("keys_unusable", error=trouble)
        self._trouble = trouble
