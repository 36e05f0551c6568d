"""`push-gateway guard ...`."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from gateway.app import open_store
from gateway.cli.output import json_option, local_time, print_json, print_table, utc_time
from gateway.cli.running import run, settings_from
from gateway.config import Settings
from gateway.model.errors import UnknownName
from gateway.model.notice import Notice, NoticeKind
from gateway.store.notice_port import NoticeStore

COLUMNS = ("app", "reason", "since", "words")
T = TypeVar("T")


@click.group("guard")
def guard_group() -> None:
    """The guard over device tokens, which trips when an app's tokens are refused in numbers."""


@guard_group.command("show")
@json_option
@click.pass_obj
def show(config: Path | None, as_json: bool) -> None:
    """Show what has tripped: the app, by which verdict, since when, and of how many tokens it was said."""
    trips = _with_notices(config, _trips)
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

    Running gateways know within seconds, and watch anew from then on: if the tokens are still refused in numbers, the
    guard trips again.
    """
    reasons = _with_notices(config, lambda notices: _reset(notices, app))
    click.echo(f"Reset: {app} ({', '.join(reasons)}).")


def _with_notices(config: Path | None, action: Callable[[NoticeStore], Awaitable[T]]) -> T:
    return run(_in_store(settings_from(config), action))


async def _in_store(settings: Settings, action: Callable[[NoticeStore], Awaitable[T]]) -> T:
    async with open_store(settings) as opened:
        return await action(opened.store.notices)


async def _trips(notices: NoticeStore) -> list[Notice]:
    return [notice for notice in await notices.all() if notice.kind is NoticeKind.GUARD_TRIPPED]


async def _reset(notices: NoticeStore, app: str) -> list[str]:
    """Withdraw what has tripped of an app; return the reasons.

    Raises:
        UnknownName: nothing has.
    """
    trips = [trip for trip in await _trips(notices) if trip.subject == app]
    if not trips:
        raise UnknownName(f"nothing has tripped for an app {app!r}; see `push-gateway guard show`")
    for trip in trips:
        await notices.withdraw(trip.id)
    return [trip.about for trip in trips]


def _facts(trip: Notice, time: Callable[[float], str]) -> tuple[str, ...]:
    return trip.subject, trip.about, time(trip.at), trip.words
