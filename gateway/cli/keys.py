"""`push-gateway keys ...`."""

import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from gateway.app import open_store
from gateway.cli.output import json_option, print_json, print_table
from gateway.cli.progress import Screen, screen
from gateway.cli.running import run, settings_from
from gateway.config import Settings
from gateway.delivery.rotation import Rotated, Rotation
from gateway.model.clock import SystemClock
from gateway.model.heartbeat import LIVE_SECONDS, Heartbeat
from gateway.store.opening import OpenStore
from gateway.store.reencryption import Survey, count, survey


@click.group("keys")
def keys_group() -> None:
    """The keys under which the store is encrypted. They are named by eight digits and never shown."""


@keys_group.command("rotate")
@json_option
@click.pass_obj
def rotate(config: Path | None, as_json: bool) -> None:
    """Bring everything in the store under a new key, beside running gateways.

    Where key files lie beside an embedded store, the new key is made and made known first. Keys from the settings are
    changed there; the command says how. After an interruption run it again: it goes on where it was.
    """
    with screen() as shown:
        rotated, place = run(_rotate(settings_from(config), shown))
    if as_json:
        print_json(rotated)
    else:
        click.echo(f"Everything in the store lies under the key {rotated.primary} (renewed: {rotated.renewed}).")
        click.echo(_what_to_do(rotated, place))


async def _rotate(settings: Settings, shown: Screen) -> tuple[Rotated, Path | None]:
    async with open_store(settings) as opened:
        rotated = await Rotation(opened, SystemClock(), shown).run()
        return rotated, opened.key_files.path if opened.key_files else None


def _what_to_do(rotated: Rotated, place: Path | None) -> str:
    old = ", ".join(rotated.old)
    if place is not None:
        return (
            f"The old keys ({old}) remain in {place}, behind the first line. Backups of the store made until now need "
            "them: keep a copy of the file with those. Then the lines can be deleted, while the gateway runs."
        )
    if not rotated.renewed:
        return (
            f"It did before. Should {rotated.primary} be the old key, first move the new one to the front everywhere."
        )
    return (
        f"The old keys ({old}) can be taken out of encryption.keys everywhere. Backups of the store made until now "
        "need them: keep them with those."
    )


@keys_group.command("show")
@json_option
@click.pass_obj
def show(config: Path | None, as_json: bool) -> None:
    """Show the keys, how much lies under each, and which running gateways know them."""
    with screen() as shown:
        rows = run(_look(settings_from(config), shown))
    if as_json:
        print_json(rows)
    else:
        cells = [(row.key, row.role, [f"{kind}: {n}" for kind, n in row.things.items()], row.gateways) for row in rows]
        print_table(("key", "role", "things under it", "known to"), cells)


class KeyRow(msgspec.Struct, frozen=True):
    """One key, by its fingerprint, with the things that lie under it, by kind; None: under none of the keys."""

    key: str | None
    role: str
    things: dict[str, int]
    gateways: tuple[str, ...]


async def _look(settings: Settings, shown: Screen) -> list[KeyRow]:
    async with open_store(settings) as opened:
        gateways = await opened.store.heartbeats.since(time.time() - LIVE_SECONDS)
        shown.begins("Looking", await count(opened.store.sealed))
        found = await survey(opened.store.sealed, opened.vault, shown.advances)
        return list(_rows(opened, found, gateways))


def _rows(opened: OpenStore, found: Survey, gateways: list[Heartbeat]) -> Iterator[KeyRow]:
    known = dict.fromkeys(opened.vault.fingerprints)
    elsewhere = dict.fromkeys(key for gateway in gateways for key in gateway.keys if key not in known)
    for number, key in enumerate((*known, *elsewhere)):
        role = "primary" if number == 0 else "old or new" if key in known else "not in these settings"
        yield KeyRow(key, role, _things(found, key), tuple(one.name for one in gateways if key in one.keys))
    if unreadable := _things(found, None):
        yield KeyRow(None, "unknown: put it at the end of encryption.keys", unreadable, ())


def _things(found: Survey, key: str | None) -> dict[str, int]:
    return {kind: of_kind[key] for kind, of_kind in found.items() if of_kind[key]}
