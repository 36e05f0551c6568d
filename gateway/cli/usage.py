"""`push-gateway usage`."""

import csv
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import click
import msgspec

from gateway.app import open_store
from gateway.cli.output import json_option, print_json, print_table
from gateway.cli.running import run, settings_from
from gateway.config import Settings
from gateway.delivery.usage import TAKEN
from gateway.model.limits import Limits
from gateway.model.usage import Usage, month_of
from gateway.model.workspace import Workspace

OUTCOMES = ("delivered", "stored", "duplicate", "token_dead", "rejected", "later", "unauthorized")


class _Month(click.ParamType[str]):
    name = "YYYY-MM"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", str(value)) is None:
            self.fail(f"expected a month such as 2026-11, got {value!r}", param, ctx)
        return str(value)


class _Row(msgspec.Struct, frozen=True):
    """One workspace's month; `taken` counts against the quota, if there is one."""

    workspace: str
    taken: int
    quota: int | None
    outcomes: dict[str, int]


@click.command("usage")
@click.option("--month", type=_Month(), help="Which month (UTC). [default: this one]")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
@click.pass_obj
def usage(config: Path | None, month: str | None, as_csv: bool, as_json: bool) -> None:
    """How many pushes each workspace has sent in a month, and what became of them as they were answered."""
    if as_csv and as_json:
        raise click.UsageError("--csv and --json are two formats: give one of them")
    settings = settings_from(config)
    month = month or month_of(time.time())
    rows = run(_rows(settings, month))
    if as_json:
        print_json({"month": month, "workspaces": rows})
        return
    columns = ("workspace", "taken", "quota", "used", *OUTCOMES)
    cells = [_cells(row) for row in rows]
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([("month", *columns), *((month, *row) for row in cells)])
    else:
        print_table(columns, cells, title=f"Pushes in {month} (UTC)")


def _cells(row: _Row) -> tuple[object, ...]:
    share = f"{row.taken / row.quota:.0%}" if row.quota else ""
    return (row.workspace, row.taken, row.quota or "", share, *(row.outcomes.get(name, 0) for name in OUTCOMES))


async def _rows(settings: Settings, month: str) -> list[_Row]:
    async with open_store(settings) as opened:
        used, contents = await opened.store.usage.month(month), await opened.store.load()
    counts = _by_workspace(used)
    workspaces = {workspace.name: workspace for workspace in contents.workspaces}
    general = settings.limits.of_workspaces
    return [
        _Row(name, sum(counts[name][outcome] for outcome in TAKEN), _quota(workspaces.get(name), general), counts[name])
        for name in sorted({*workspaces, *counts})
    ]


def _by_workspace(used: Iterable[Usage]) -> defaultdict[str, Counter[str]]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in used:
        counts[one.workspace][one.outcome] += one.count
    return counts


def _quota(workspace: Workspace | None, general: Limits) -> int | None:
    return (workspace.limits.over(general).per_month if workspace else None) or None
