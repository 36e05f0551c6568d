"""`push-gateway instances`."""

import time
from pathlib import Path

import click
import msgspec

from gateway.app import open_store
from gateway.cli.output import json_option, local_time, print_json, print_table, utc_time
from gateway.cli.running import run, settings_from
from gateway.config import Settings
from gateway.model.heartbeat import Heartbeat

COLUMNS = ("host", "pid", "version", "state", "up since", "last beat", "keys")


@click.command()
@json_option
@click.pass_obj
def instances(config: Path | None, as_json: bool) -> None:
    """Show the gateways on the store: those that run, and those that fell silent within a day.

    Each worker is one. A gateway that was stopped as it should be is not listed. The keys are in order where a gateway
    encrypts under the same key as these settings and knows all others.
    """
    now = time.time()
    keys, gateways = run(_read(settings_from(config)))
    if as_json:
        print_json([_facts(gateway, keys, now) for gateway in gateways])
    elif gateways:
        print_table(COLUMNS, [_cells(gateway, keys, now) for gateway in gateways])
    else:
        click.echo("No gateway runs on this store.")


async def _read(settings: Settings) -> tuple[tuple[str, ...], list[Heartbeat]]:
    async with open_store(settings) as opened:
        return opened.vault.fingerprints, await opened.store.heartbeats.since(0.0)


def _facts(gateway: Heartbeat, keys: tuple[str, ...], now: float) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(gateway),
        "started_at": utc_time(gateway.started_at),
        "at": utc_time(gateway.at),
        "live": gateway.is_live(now),
        "keys_in_order": gateway.has_keys_of(keys),
    }


def _cells(gateway: Heartbeat, keys: tuple[str, ...], now: float) -> tuple[object, ...]:
    return (
        gateway.host,
        gateway.pid,
        gateway.version,
        "runs" if gateway.is_live(now) else "silent",
        local_time(gateway.started_at),
        f"{max(0.0, now - gateway.at):.0f} s ago",
        "in order" if gateway.has_keys_of(keys) else f"others: {', '.join(gateway.keys)}",
    )
