"""Data for people as a table, for programs as JSON."""

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """Give a command `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def print_json(document: object) -> None:
    """Print one JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Print a table as wide as the terminal; into a pipe as wide as it needs to be."""
    table = Table(*(column.replace("_", " ") for column in columns), title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*(Text(shown(value)) for value in row))
    console().print(table)


def print_line(values: Sequence[object]) -> None:
    """Print one row of what has no end, and therefore no table."""
    console().print(Text("  ".join(map(shown, values))), soft_wrap=True)


def print_facts(facts: Mapping[str, object]) -> None:
    """Print one thing's facts, a line each."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        table.add_row(Text(name.replace("_", " "), style="bold"), Text(shown(value)))
    console().print(table)


def local_time(at: float) -> str:
    """Write a moment (UNIX seconds) for people, by the clock of this machine."""
    return datetime.fromtimestamp(at).astimezone().replace(tzinfo=None).isoformat(timespec="seconds")


def utc_time(at: float) -> str:
    """Write a moment (UNIX seconds) for programs (RFC 3339)."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def console() -> Console:
    """Return standard output as rich sees it."""
    return Console(file=sys.stdout, soft_wrap=False, width=None if sys.stdout.isatty() else 240)


def shown(value: object) -> str:
    """Write a value for people."""
    if value is None or value in ((), {}):
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {shown(one)}" for name, one in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
