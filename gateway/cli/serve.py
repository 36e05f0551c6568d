"""`push-gateway serve`."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import msgspec
import structlog

from gateway.app import following, open_doors, open_gateway, working_off
from gateway.cli.options import HOST_PORT
from gateway.cli.running import StopSignals, run, settings_from
from gateway.config import Settings
from gateway.model.address import HostPort
from gateway.model.clock import SystemClock
from gateway.observability.logging import configure_logging
from gateway.supervisor.supervisor import supervising
from gateway.supervisor.worker import work

log = structlog.stdlib.get_logger("gateway.serve")


@click.command()
@click.option("--listen", type=HOST_PORT, help="The public door, in place of the settings'.")
@click.option("--operator-listen", type=HOST_PORT, help="The operator's door, in place of the settings'.")
@click.pass_obj
def serve(config: Path | None, listen: HostPort | None, operator_listen: HostPort | None) -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    settings = listening_on(settings_from(config), listen, operator_listen)
    configure_logging(settings.logging.level, settings.logging.format)
    if settings.server.workers == 1:
        _spare_what_is_loaded()
        run(serve_until_stopped(settings))
    else:
        sys.exit(run(supervise_until_stopped(settings)))


@click.command(hidden=True)
@click.option("--control", type=int, required=True)
@click.option("--listener", type=int, required=True)
def worker(control: int, listener: int) -> None:
    """Be one of several workers: started by `serve`, which leaves these sockets open for it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # who ends all processes means the gateway; the supervisor knows how
    _spare_what_is_loaded()
    run(work(socket.socket(fileno=control), socket.socket(fileno=listener), SystemClock()))


def _spare_what_is_loaded() -> None:
    """Keep modules out of garbage collection: they stay anyway, and to walk them all holds up every push."""
    gc.collect()
    gc.freeze()


def listening_on(settings: Settings, listen: HostPort | None, operator_listen: HostPort | None) -> Settings:
    """Return the settings with other doors, where given."""
    server = msgspec.structs.replace(
        settings.server,
        listen=listen or settings.server.listen,
        operator_listen=operator_listen or settings.server.operator_listen,
    )
    return msgspec.structs.replace(settings, server=server)


async def serve_until_stopped(settings: Settings) -> None:
    """Open the doors, follow the store, and close without losing a push, in this process."""
    signals = StopSignals()
    async with (
        open_gateway(settings, SystemClock()) as gateway,
        following(gateway),
        working_off(gateway, settings.server.drain_timeout),
    ):
        async with open_doors(gateway, settings) as doors:
            log.info("listening", public=str(doors.public.address), operator=str(doors.operator.address))
            await _told_to_stop(signals, doors.drain, settings.server.drain_delay)
        log.info("stopped")


async def supervise_until_stopped(settings: Settings) -> int:
    """Do the same with several workers; return the exit code, which is a worker's where it could not start."""
    signals = StopSignals()
    async with supervising(settings, SystemClock()) as supervisor:
        told = asyncio.create_task(_told_to_stop(signals, supervisor.drain, settings.server.drain_delay))
        await asyncio.wait((told, supervisor.ended), return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
    if supervisor.crew.exit_code == 0:
        log.info("stopped")
    return supervisor.crew.exit_code


async def _told_to_stop(signals: StopSignals, drain: Callable[[], Awaitable[None]], delay: float) -> None:
    """Wait until the doors are to be closed.

    On SIGTERM `/readyz` says 503 at once, and the door goes on accepting for `drain_delay`, so that a load balancer
    has time to look elsewhere; on SIGINT, or at a second signal, it closes at once. What is inside is finished.
    """
    received = await signals.next()
    log.info("stopping", signal=received.name)
    await drain()
    if received is signal.SIGTERM:
        await signals.next_within(delay)
