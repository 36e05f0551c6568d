"""Looks that are taken again and again."""

from collections.abc import Awaitable, Callable

import structlog

from gateway.model.clock import Clock

log = structlog.stdlib.get_logger("gateway.delivery")


async def repeatedly(look: Callable[[], Awaitable[None]], seconds: float, clock: Clock, what: str) -> None:
    """Wait `seconds`, look, and so on until cancelled; `what` names the look in the log if a fault of ours ends one."""
    while True:
        await clock.sleep(seconds)
        try:
            await look()
        except Exception as error:  # the next one may go well
            log.error("look_failed", what=what, exc_info=error)
