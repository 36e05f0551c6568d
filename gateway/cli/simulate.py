"""`push-gateway simulate`."""

from pathlib import Path

import click

from gateway.cli.options import HOST_PORT
from gateway.cli.output import json_option, print_facts, print_json
from gateway.cli.running import StopSignals, run
from gateway.model.address import HostPort
from gateway.model.clock import SystemClock
from gateway.observability.logging import configure_logging
from gateway.providers.simulator import Simulator, SimulatorListen


@click.command()
@click.option(
    "--apns-listen", type=HOST_PORT, default="127.0.0.1:8443", show_default=True, help="Apple's production host."
)
@click.option(
    "--apns-sandbox-listen", type=HOST_PORT, default="127.0.0.1:8444", show_default=True, help="Apple's sandbox host."
)
@click.option(
    "--fcm-listen", type=HOST_PORT, default="127.0.0.1:8445", show_default=True, help="Google, with its token endpoint."
)
@click.option(
    "--control-listen",
    type=HOST_PORT,
    default="127.0.0.1:8446",
    show_default=True,
    help="What was received, and rules.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("simulator"),
    show_default=True,
    help="Where keys and settings for a gateway are written.",
)
@json_option
def simulate(
    apns_listen: HostPort,
    apns_sandbox_listen: HostPort,
    fcm_listen: HostPort,
    control_listen: HostPort,
    data: Path,
    as_json: bool,
) -> None:
    """Stand in for Apple and Google: real TLS and HTTP/2, every rule checked, every push recorded.

    Point a gateway at it with `push-gateway --config DATA/gateway.toml serve`.
    """
    configure_logging("info", "auto")
    listen = SimulatorListen(str(apns_listen), str(apns_sandbox_listen), str(fcm_listen), str(control_listen))
    run(_simulate(data, listen, as_json))


async def _simulate(data: Path, listen: SimulatorListen, as_json: bool) -> None:
    signals = StopSignals()
    async with Simulator(data, listen, SystemClock()) as simulator:
        (print_json if as_json else print_facts)(facts_of(simulator))
        await signals.next()


def facts_of(simulator: Simulator) -> dict[str, object]:
    """Name a running simulator's doors and files."""
    data = simulator.data.resolve()
    return {
        "apns": simulator.apns_url,
        "apns_sandbox": simulator.apns_sandbox_url,
        "fcm": simulator.fcm_url,
        "control": simulator.control_url,
        "settings": str(data / "gateway.toml"),
        "apns_key": str(data / "AuthKey_SIMKEY0001.p8"),
        "apns_certificate": str(data / "apns-certificate.pem"),
        "fcm_service_account": str(data / "service-account.json"),
    }
