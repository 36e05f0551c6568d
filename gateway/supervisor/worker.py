"""What runs in a worker: a gateway with the public door alone."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog

from gateway.app import Gateway, following, open_gateway, public_listener, working_off
from gateway.config import Settings, settings_from_json
from gateway.model.clock import Clock
from gateway.observability.logging import configure_logging
from gateway.observability.merging import families_of
from gateway.supervisor.control import Begin, Channel, Drain, Status
from gateway.web.health import Readiness, needs_of, troubles_of
from gateway.web.newcomers import turn_away
from gateway.web.pages import Overview, load_templates, overview_of

STATUS_SECONDS = 1.0

log = structlog.stdlib.get_logger("gateway.worker")


async def work(control: socket.socket, listener: socket.socket, clock: Clock) -> None:
    """Serve as the supervisor says, and end when it says so or is gone.

    Args:
        control: to the supervisor.
        listener: the public door's, which all workers accept from.
        clock: for everything.

    Raises:
        GatewayError: a setting, a key or the store is not as it should be.
    """
    with listener:
        channel = await Channel.over(control)
        try:
            if isinstance(begin := await channel.receive(), Begin):
                settings = settings_from_json(begin.settings)
                configure_logging(settings.logging.level, settings.logging.format, worker=begin.number)
                await _serve(settings, channel, listener, clock)
        finally:
            await channel.close()


async def _serve(settings: Settings, channel: Channel, listener: socket.socket, clock: Clock) -> None:
    async with (
        open_gateway(settings, clock) as gateway,
        following(gateway),
        AsyncExitStack() as telling,
        working_off(gateway, settings.server.drain_timeout),
    ):
        readiness = Readiness(partial(needs_of, gateway.follower), partial(troubles_of, gateway.follower))
        templates = await asyncio.to_thread(load_templates)
        door = public_listener(gateway, settings.server, listener, readiness, templates, is_shared=True)
        await gateway.follower.has_looked.wait()  # who comes before is better off with another worker, or in line
        await door.open()
        await telling.enter_async_context(_telling(gateway, channel))  # until all is worked off, lest it seem to hang
        while isinstance(order := await channel.receive(), Drain):
            readiness.draining = True
        readiness.draining = True
        if order is None:
            log.error("supervisor_gone")
            turn_away(listener)  # it cannot any more, and every worker leaves now
        await door.close()


@asynccontextmanager
async def _telling(gateway: Gateway, channel: Channel) -> AsyncIterator[None]:
    """Tell the supervisor how this worker is while the block runs."""
    task = asyncio.create_task(_tell(gateway, channel), name="status")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _tell(gateway: Gateway, channel: Channel) -> None:
    told = Overview()
    try:
        while True:
            overview = overview_of(gateway.follower, gateway.pulse, gateway.notices)
            await channel.send(_status(gateway, overview if overview != told else None))
            told = overview
            await gateway.clock.sleep(STATUS_SECONDS)
    except ConnectionError:
        return  # whoever reads the channel hears that the supervisor is gone
    except Exception as error:  # a fault of ours: this worker counts as hanging
        log.error("status_failed", exc_info=error)


def _status(gateway: Gateway, news: Overview | None) -> Status:
    follower = gateway.follower
    return Status(needs_of(follower), families_of(gateway.metrics.registry), news, troubles_of(follower))
