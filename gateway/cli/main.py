"""The commands, and how they end: 0 as asked, 1 it did not work, 2 what was given is wrong."""

import sys
from pathlib import Path

import click

from gateway.cli.apply import apply
from gateway.cli.apps import app_group
from gateway.cli.deliveries import deliveries
from gateway.cli.demo import demo
from gateway.cli.devices import device_group
from gateway.cli.explain import explain
from gateway.cli.guard import guard_group
from gateway.cli.instances import instances
from gateway.cli.keys import keys_group
from gateway.cli.send import send
from gateway.cli.serve import serve, worker
from gateway.cli.simulate import simulate
from gateway.cli.store import store_group
from gateway.cli.usage import usage
from gateway.cli.workspaces import workspace_group
from gateway.model.errors import GatewayError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (TOML). Without: the defaults, ./data.")
@click.version_option(package_name="push-gateway", prog_name="push-gateway")
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """A private push gateway for Rocket.Chat."""
    context.obj = config


for command in (
    serve,
    worker,
    demo,
    simulate,
    app_group,
    workspace_group,
    apply,
    store_group,
    keys_group,
    send,
    explain,
    deliveries,
    device_group,
    guard_group,
    instances,
    usage,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line; every expected error is one line on standard error."""
    try:
        cli.main(prog_name="push-gateway")
    except GatewayError as error:
        click.echo(f"push-gateway: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:  # a file, folder or address that cannot be had
        click.echo(f"push-gateway: {error}", err=True)
        sys.exit(1)
