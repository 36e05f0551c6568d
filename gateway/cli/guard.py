"""`push-gateway guard ...`."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from gateway.app import open_store
from gateway.cli.output import json_option, local_time, print_json, print_table, utc_time
from gateway.cli.running import run, settings_from
from gateway.config import Settings
from gateway.delivery.guard_watch import BELIEVED_SECONDS, UNREGISTERED
from gateway.model.notice import Notice, NoticeKind
from gateway.store.notice_port import NoticeStore

COLUMNS = ("app", "reason", "since", "words")
T = TypeVar("T")


@click.group("guard")
def guard_group() -> None:
    """The guard: while it is tripped for an app, no token of the app is called dead."""


@guard_group.command("show")
@json_option
@click.pass_obj
def show(config: Path | None, as_json: bool) -> None:
    """Show for which apps the guard has tripped, why, and since when."""
    trips = _with_notices(config, _trips)
    if as_json:
        print_json([{**_facts(trip), "since": utc_time(trip.at)} for trip in trips])
    elif trips:
        print_table(COLUMNS, [tuple({**_facts(trip), "since": local_time(trip.at)}.values()) for trip in trips])
    else:
        click.echo("The guard has not tripped for any app.")


@guard_group.command("reset")
@click.argument("app")
@click.pass_obj
def reset(config: Path | None, app: str) -> None:
    """Let tokens of an app be called dead again, whatever the guard has tripped for.

    Do so once its credentials are mended, or when the tokens really are dead. Those that Apple or Google calls
    unregistered are believed to be for an hour. Running gateways follow within seconds.
    """
    ended = _with_notices(config, lambda notices: _reset(notices, app))
    if ended:
        click.echo(f"Reset for {app}: {', '.join(ended)}. Gateways follow within seconds.")
    else:
        click.echo(f"The guard has not tripped for {app}; see `push-gateway guard show`.")


def _with_notices(config: Path | None, action: Callable[[NoticeStore], Awaitable[T]]) -> T:
    return run(_in_store(settings_from(config), action))


async def _in_store(settings: Settings, action: Callable[[NoticeStore], Awaitable[T]]) -> T:
    async with open_store(settings) as opened:
        return await action(opened.store.notices)


async def _trips(notices: NoticeStore) -> list[Notice]:
    now = time.time()
    return [one for one in await notices.all() if one.kind is NoticeKind.GUARD_TRIPPED and one.stands(now)]


async def _reset(notices: NoticeStore, app: str) -> list[str]:
    """Withdraw what stands for an app, and have its dead believed; return the reason codes."""
    standing = [trip for trip in await _trips(notices) if trip.subject == app]
    now = time.time()
    for trip in standing:
        if trip.about in UNREGISTERED:
            believed = Notice(
                kind=NoticeKind.GUARD_RESET, subject=app, about=trip.about, at=now, until=now + BELIEVED_SECONDS
            )
            await notices.post(believed)
        await notices.withdraw(trip.id)
    return [trip.about for trip in standing]


def _facts(trip: Notice) -> dict[str, object]:
    return {"app": trip.subject, "reason": trip.about, "since": trip.at, "words": trip.words}
