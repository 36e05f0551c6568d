"""`push-gateway guard ...`."""

from collections.abc import Callable
from pathlib import Path

import click

from gateway.app import open_store, reset_guard
from gateway.cli.output import json_option, local_time, print_json, print_table, utc_time
from gateway.cli.running import run, settings_from
from gateway.config import Settings
from gateway.model.clock import SystemClock
from gateway.model.errors import UnknownName
from gateway.model.notice import Notice, NoticeKind
from gateway.observability.logging import configure_logging

COLUMNS = ("app", "reason", "since", "words")


@click.group("guard")
def guard_group() -> None:
    """The guard over device tokens, which trips when an app's tokens are refused in numbers."""


@guard_group.command("show")
@json_option
@click.pass_obj
def show(config: Path | None, as_json: bool) -> None:
    """Show what has tripped: the app, by which verdict, since when, and of how many tokens it was said."""
    trips = run(_trips(settings_from(config)))
    if as_json:
        print_json([dict(zip(COLUMNS, _facts(trip, utc_time), strict=True)) for trip in trips])
    elif trips:
        print_table(COLUMNS, [_facts(trip, local_time) for trip in trips])
    else:
        click.echo("Nothing has tripped.")


@guard_group.command("reset")
@click.argument("app")
@click.pass_obj
def reset(config: Path | None, app: str) -> None:
    """Let tokens of an app end again, whatever they were refused for.

    Running gateways know within seconds. Tokens that are called uninstalled are believed to be for an hour; whatever
    else had tripped is watched anew, and if the tokens are still refused in numbers, the guard trips again.
    """
    settings = settings_from(config)
    configure_logging("warning", settings.logging.format)
    reasons = run(reset_guard(settings, app, SystemClock()))
    if not reasons:
        raise UnknownName(f"nothing has tripped for an app {app!r}; see `push-gateway guard show`")
    click.echo(f"Reset: {app} ({', '.join(reasons)}).")


async def _trips(settings: Settings) -> list[Notice]:
    async with open_store(settings) as opened:
        return [notice for notice in await opened.store.notices.all() if notice.kind is NoticeKind.GUARD_TRIPPED]


def _facts(trip: Notice, time: Callable[[float], str]) -> tuple[str, ...]:
    return trip.subject, trip.about, time(trip.at), trip.words
