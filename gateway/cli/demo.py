"""`push-gateway demo`: the gateway beside a simulated Apple and Google."""

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import aiohttp
import click
import msgspec

from gateway.app import Doors, Gateway, following, open_doors, open_gateway, working_off
from gateway.cli.demo_samples import ANDROID, DEAD_ANDROID, DEAD_IPHONE, TOPIC, UNIQUE_ID, Sample, samples
from gateway.cli.options import HOST_PORT
from gateway.cli.output import console, print_table
from gateway.cli.running import StopSignals, run
from gateway.cli.serve import listening_on
from gateway.cli.workspaces import push_gateway_url
from gateway.config import Settings, load_settings
from gateway.delivery.registry import Registry
from gateway.model.address import HostPort
from gateway.model.app import ApnsCredentials, ApnsEnvironment, FcmCredentials
from gateway.model.clock import SystemClock
from gateway.observability.logging import configure_logging
from gateway.providers.key_files import KeyFile, read_apns_key, read_fcm_service_account
from gateway.providers.simulator import Received, Rule, Simulator, SimulatorListen

APP = WORKSPACE = "demo"
_ANY_PORT = HostPort("127.0.0.1", 0)
_REQUEST_SECONDS = 30.0


class Row(msgspec.Struct, frozen=True):
    """One push: what was asked, what the phone's provider received, what the server was answered."""

    sample: Sample
    status: int
    code: str
    received: Received | None

    @property
    def is_right(self) -> bool:
        """Tell whether the server was answered as it should be, and the provider saw the push."""
        return self.status == self.sample.expected and self.received is not None

    def cells(self) -> tuple[object, ...]:
        """Return the row of the table."""
        answer = f"{self.status} {self.code}"
        return (
            self.sample.name,
            self.sample.platform.value,
            *_seen(self.received),
            answer,
            "ok" if self.is_right else "WRONG",
        )


@click.command()
@click.option("--once", is_flag=True, help="Exit after the table: 0 if all went as it should, 1 if not.")
@click.option("--listen", type=HOST_PORT, help="The public door. [default: 127.0.0.1:8080; with --once any free port]")
@click.option(
    "--operator-listen",
    type=HOST_PORT,
    help="The operator's door. [default: 127.0.0.1:8081; with --once any free port]",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for store and keys. [default: a temporary one]",
)
@click.pass_context
def demo(
    context: click.Context, once: bool, listen: HostPort | None, operator_listen: HostPort | None, data: Path | None
) -> None:
    """Show the gateway at work beside a simulated Apple and Google, then keep it running."""
    configure_logging("warning", "auto")
    public = listen or (_ANY_PORT if once else HostPort("127.0.0.1", 8080))
    operator = operator_listen or (_ANY_PORT if once else HostPort("127.0.0.1", 8081))
    with ExitStack() as cleanup:
        folder = data or Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="push-gateway-demo-")))
        all_right = run(_demo(folder, public, operator, once))
    context.exit(0 if all_right else 1)


async def _demo(data: Path, listen: HostPort, operator_listen: HostPort, once: bool) -> bool:
    signals = StopSignals()
    simulated = SimulatorListen(*[str(_ANY_PORT)] * 4)
    with console().status("Making keys and certificates for a simulated Apple and Google ..."):
        simulator = Simulator(data, simulated, SystemClock())
        await simulator.start()
    try:
        settings = listening_on(load_settings(data / "gateway.toml", {}), listen, operator_listen)
        async with (
            open_gateway(settings, SystemClock()) as gateway,
            following(gateway),
            working_off(gateway, settings.server.drain_timeout),
            open_doors(gateway, settings) as doors,
        ):
            return await _show(simulator, gateway, doors, settings, signals, once)
    finally:
        await simulator.stop()


async def _show(
    simulator: Simulator, gateway: Gateway, doors: Doors, settings: Settings, signals: StopSignals, once: bool
) -> bool:
    secret = await _register(Registry(gateway.store, gateway.vault, gateway.clock), simulator.data)
    await gateway.follower.check()
    opened = listening_on(settings, doors.public.address, doors.operator.address)
    url = push_gateway_url(opened.server, secret)
    simulator.set_rules([_dead("apns", DEAD_IPHONE, 410), _dead("fcm", DEAD_ANDROID, 404)])
    rows = [await _send(sample, url, simulator) for sample in samples()]
    print_table(_COLUMNS, [row.cells() for row in rows], title="What a Rocket.Chat server sent, and what became of it")
    if not once:
        click.echo(_NOW_TRY.format(url=url, body=_curl_body(), operator=doors.operator.address, data=simulator.data))
        configure_logging("info", "auto")
        await signals.next()
    return all(row.is_right for row in rows)


_COLUMNS = ("push", "door", "provider received", "shown", "provider said", "server was answered", "")
_NOW_TRY = """\
The gateway keeps running (Ctrl-C ends it).

  Push_gateway  {url}
  Operator      http://{operator}/

Send another push as a server would:

  curl -i -H 'Content-Type: application/json' -d '{body}' {url}/push/gcm/send

Its store, keys and settings: {data}
"""


def _dead(platform: Literal["apns", "fcm"], token: str, status: int) -> Rule:
    return Rule(platform=platform, token_prefix=token[:8], status=status)


async def _register(registry: Registry, data: Path) -> str:
    """Register the app and the workspace, or give the ones of an earlier run new keys and a new secret."""
    apns, fcm = await asyncio.to_thread(_credentials, data)
    contents = await registry.contents()
    if not any(app.name == APP for app in contents.apps):
        await registry.add_app(APP, apns, fcm)
    await registry.replace_credentials(APP, apns, fcm)
    known = any(workspace.name == WORKSPACE for workspace in contents.workspaces)
    issued = await registry.rotate(WORKSPACE) if known else await registry.add_workspace(WORKSPACE, (APP,))
    return issued.secret.reveal()


def _credentials(data: Path) -> tuple[ApnsCredentials, FcmCredentials]:
    key = KeyFile("AuthKey_SIMKEY0001.p8", (data / "AuthKey_SIMKEY0001.p8").read_bytes())
    account = KeyFile("service-account.json", (data / "service-account.json").read_bytes())
    apns = read_apns_key(key, "SIMKEY0001", "SIMTEAM001", (TOPIC,), ApnsEnvironment.PRODUCTION)
    return apns, read_fcm_service_account(account)


async def _send(sample: Sample, url: str, simulator: Simulator) -> Row:
    """Send as a Rocket.Chat server does: a new connection for every push."""
    before = len(simulator.received)
    headers = {"Content-Type": "application/json", "Authorization": "Bearer "}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_REQUEST_SECONDS)) as session,
        session.post(f"{url}/push/{sample.platform.value}/send", data=sample.body(), headers=headers) as answer,
    ):
        received = simulator.received[before:]
        return Row(sample, answer.status, answer.headers.get("Gateway-Outcome", ""), received[-1] if received else None)


def _seen(received: Received | None) -> tuple[str, str, str]:
    """Say what the provider received, what the phone shows of it, and what the provider said."""
    if received is None:
        return "-", "-", "-"
    said = f"{received.status} {received.reason or ''}".strip()
    if received.platform == "apns":
        alert = (received.payload or {}).get("aps", {}).get("alert")
        shown = alert if isinstance(alert, str) else " | ".join((alert or {}).values())
        return f"APNs {received.headers.get('apns-push-type', '')}", shown or "(the app rings)", said
    data = (received.payload or {}).get("data", {})
    return "FCM data", " | ".join(filter(None, (data.get("title"), data.get("message")))) or "(the app rings)", said


def _curl_body() -> str:
    options = {"uniqueId": UNIQUE_ID, "from": "push", "title": "Hello", "text": "from curl"}
    return msgspec.json.encode({"token": ANDROID, "options": options}).decode()
