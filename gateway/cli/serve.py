"""`push-gateway serve`."""

import signal
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

log = structlog.stdlib.get_logger("gateway.serve")


@click.command()
@click.option("--listen", type=HOST_PORT, help="The public door, in place of the settings'.")
@click.option("--operator-listen", type=HOST_PORT, help="The operator's door, in place of the settings'.")
@click.pass_obj
def serve(config: Path | None, listen: HostPort | None, operator_listen: HostPort | None) -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    settings = listening_on(settings_from(config), listen, operator_listen)
    configure_logging(settings.logging.level, settings.logging.format)
    run(serve_until_stopped(settings))


def listening_on(settings: Settings, listen: HostPort | None, operator_listen: HostPort | None) -> Settings:
    """Return the settings with other doors, where given."""
    server = msgspec.structs.replace(
        settings.server,
        listen=listen or settings.server.listen,
        operator_listen=operator_listen or settings.server.operator_listen,
    )
    return msgspec.structs.replace(settings, server=server)


async def serve_until_stopped(settings: Settings) -> None:
    """Open the doors, follow the store, and close without losing a push.

    On SIGTERM `/readyz` says 503 at once, and the door goes on accepting for `drain_delay`, so that a load balancer
    has time to look elsewhere; on SIGINT, or at a second signal, it closes at once. What is inside is finished.
    """
    signals = StopSignals()
    async with (
        open_gateway(settings, SystemClock()) as gateway,
        following(gateway),
        working_off(gateway, settings.server.drain_timeout),
    ):
        async with open_doors(gateway, settings) as doors:
            log.info("listening", public=str(doors.public.address), operator=str(doors.operator.address))
            received = await signals.next()
            log.info("stopping", signal=received.name)
            doors.readiness.draining = True
            if received is signal.SIGTERM:
                await signals.next_within(settings.server.drain_delay)
        log.info("stopped")
