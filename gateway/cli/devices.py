"""`push-gateway device ...`."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from gateway.app import open_store
from gateway.cli.options import DEVICE
from gateway.cli.output import json_option, local_time, print_facts, print_json, print_table, utc_time
from gateway.cli.running import run, settings_from
from gateway.config import Settings
from gateway.model.delivery import DEVICE_DIGITS
from gateway.model.device import Device, DeviceQuery
from gateway.model.errors import UnknownName
from gateway.model.notification import Platform
from gateway.store.device_port import DeviceStore

COLUMNS = ("device", "platform", "app", "environment", "workspaces", "seen", "success", "dead since", "reason")
_AMBIGUOUS_SHOWN = 5
T = TypeVar("T")


@click.group("device")
def device_group() -> None:
    """The devices that pushes were sent to, by the digits that a log line shows; never their tokens."""


@device_group.command("list")
@click.option("--workspace", metavar="NAME", help="Only those that this workspace sent to.")
@click.option("--app", metavar="NAME", help="Only those of this app.")
@click.option("--platform", type=click.Choice([one.value for one in Platform]), help="Only these.")
@click.option("--dead", is_flag=True, help="Only those that Apple or Google called dead.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many at most.")
@json_option
@click.pass_obj
def list_devices(
    config: Path | None,
    workspace: str | None,
    app: str | None,
    platform: str | None,
    dead: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List devices, the last seen first."""
    wanted = DeviceQuery(workspace=workspace, app=app, platform=platform, is_dead=dead or None)
    found = _with_devices(config, lambda devices: devices.find(wanted, None, limit))
    if as_json:
        print_json([_facts(device, utc_time) for device in found])
    else:
        print_table(COLUMNS, [_cells(device) for device in found])


@device_group.command("show")
@click.argument("digits", type=DEVICE)
@json_option
@click.pass_obj
def show(config: Path | None, digits: str, as_json: bool) -> None:
    """Show all that is known of one device."""
    device = _with_devices(config, lambda devices: _the_one(devices, digits))
    if as_json:
        print_json(_facts(device, utc_time))
    else:
        print_facts(_facts(device, local_time))


@device_group.command("forget")
@click.argument("digits", type=DEVICE)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def forget(config: Path | None, digits: str, yes: bool) -> None:
    """Forget what is known of one device.

    Pushes to it go on, and it comes back with one of the next; only its history is gone.
    """
    device = _with_devices(config, lambda devices: _the_one(devices, digits))
    shown = device.id[:DEVICE_DIGITS]
    if not yes:
        click.echo(_MEANING.format(device=shown, first_seen=local_time(device.first_seen)))
        click.confirm("Forget it?", abort=True)
    _with_devices(config, lambda devices: devices.forget(device.id))
    click.echo(f"Forgotten: {shown}.")


_MEANING = """\
Device {device}, known since {first_seen}, loses its history: when it was seen, which app took it, that it died.
Pushes to it go on, and it comes back with one of the next. To stop them, remove its token on the server."""


def _with_devices(config: Path | None, action: Callable[[DeviceStore], Awaitable[T]]) -> T:
    return run(_in_store(settings_from(config), action))


async def _in_store(settings: Settings, action: Callable[[DeviceStore], Awaitable[T]]) -> T:
    async with open_store(settings) as opened:
        return await action(opened.store.devices)


async def _the_one(devices: DeviceStore, digits: str) -> Device:
    """Find the device whose hash begins with the digits.

    Raises:
        UnknownName: there is none, or more than one.
    """
    found = await devices.find(DeviceQuery(device=digits), None, _AMBIGUOUS_SHOWN)
    if not found:
        raise UnknownName(f"there is no device {digits}; see `push-gateway device list`")
    if len(found) > 1:
        shown = ", ".join(device.id[:DEVICE_DIGITS] for device in found)
        raise UnknownName(f"more than one device begins with {digits}: {shown}; give more digits")
    return found[0]


def _facts(device: Device, time: Callable[[float], str]) -> dict[str, object]:
    """Return all but the token."""

    def at(moment: float | None) -> str | None:
        return None if moment is None else time(moment)

    return {
        "device": device.id,
        "platform": device.platform,
        "app": device.app,
        "environment": device.environment,
        "workspaces": device.workspaces,
        "first_seen": at(device.first_seen),
        "known_since": at(device.known_since),
        "last_seen": at(device.last_seen),
        "last_success": at(device.last_success),
        "dead_since": at(device.dead_since),
        "dead_reason": device.dead_reason,
        "refused_at": at(device.refused_at),
        "stale_since": at(device.stale_since),
        "stale_count": device.stale_count,
        "foreign_at": at(device.foreign_at),
    }


def _cells(device: Device) -> tuple[object, ...]:
    return (
        device.id[:DEVICE_DIGITS],
        device.platform,
        device.app,
        device.environment,
        device.workspaces,
        local_time(device.last_seen),
        None if device.last_success is None else local_time(device.last_success),
        None if device.dead_since is None else local_time(device.dead_since),
        device.dead_reason,
    )
