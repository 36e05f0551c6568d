"""`push-gateway apply`: all that one file declares."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from gateway.cli.declaring import read_declared
from gateway.cli.options import FILE
from gateway.cli.output import json_option, print_json, print_table, shown
from gateway.cli.registering import with_registry
from gateway.cli.running import settings_from
from gateway.cli.workspaces import push_gateway_url
from gateway.config import ServerSettings
from gateway.delivery.applying import Applied, apply_steps
from gateway.delivery.declared import Action, Declared, Difference, Field, Step, difference
from gateway.delivery.registry import Registry
from gateway.model.errors import GatewayError, SettingsError
from gateway.model.secret import Secret


@click.command("apply")
@click.argument("file", type=FILE)
@click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")
@click.option("--prune", is_flag=True, help="Remove the apps and workspaces that are not in the file.")
@json_option
@click.pass_obj
def apply(config: Path | None, file: Path, dry_run: bool, prune: bool, as_json: bool) -> None:
    """Make apps, workspaces and limits what FILE declares, and print the difference.

    Everything is checked before the first change, and a second time changes nothing. A running gateway follows within
    seconds.
    """
    declared = read_declared(file, os.environ)
    if prune and not (declared.apps or declared.workspaces):
        raise SettingsError(f"{file} declares nothing: with --prune everything would be removed")
    found, applied = with_registry(config, lambda registry: _apply(registry, declared, prune, dry_run))
    server = settings_from(config).server
    if as_json:
        print_json(_document(found, applied, server))
    else:
        _print(found, applied, server)
    if applied is not None and applied.failure is not None:
        raise _failure(found, applied, applied.failure)


async def _apply(
    registry: Registry, declared: Declared, prune: bool, dry_run: bool
) -> tuple[Difference, Applied | None]:
    found = difference(declared, await registry.contents(), registry.hash_of, prune)
    return found, None if dry_run else await apply_steps(registry, found.steps)


def _print(found: Difference, applied: Applied | None, server: ServerSettings) -> None:
    steps = found.steps if applied is None else applied.done
    rows = [[step.action.value, step.kind, step.name, "\n".join(_told(step))] for step in steps]
    rows += [["left alone", kind, name, "not in the file; --prune removes it"] for kind, name in found.left_alone]
    if rows:
        print_table(("", "what", "name", "difference"), rows)
    click.echo(_summary(steps, found, applied))
    for issued in applied.issued if applied else ():
        click.echo(f"\nWorkspace {issued.workspace.name}. This URL is shown once; it holds the secret:\n")
        click.echo(f"  Push_gateway  {push_gateway_url(server, issued.secret.reveal())}")


def _summary(steps: Sequence[Step], found: Difference, applied: Applied | None) -> str:
    if not found.steps:
        return f"Nothing to change: all {found.unchanged} are as declared."
    actions = [step.action.value for step in steps]
    counts = ", ".join(f"{actions.count(action)} {action}" for action in ("added", "changed", "removed"))
    dry = " A dry run: nothing was done." if applied is None else ""
    return f"{counts}, {found.unchanged} unchanged.{dry}"


def _told(step: Step) -> Iterator[str]:
    for field in step.fields:
        if _is_hidden(field):
            yield f"{field.name}: {_change_of(field)}"
        elif step.action is Action.ADDED:
            yield f"{field.name}: {shown(field.new)}"
        else:
            yield f"{field.name}: {shown(field.old)} -> {shown(field.new)}"


def _is_hidden(field: Field) -> bool:
    return isinstance(field.old, Secret) or isinstance(field.new, Secret)


def _change_of(field: Field) -> str:
    return "removed" if field.new is None else "set" if field.old is None else "changed"


def _document(found: Difference, applied: Applied | None, server: ServerSettings) -> dict[str, Any]:
    steps = found.steps if applied is None else applied.done
    return {
        "dry_run": applied is None,
        "changes": [_change(step) for step in steps],
        "left_alone": [{"what": kind, "name": name} for kind, name in found.left_alone],
        "unchanged": found.unchanged,
        "issued": [
            {
                "name": issued.workspace.name,
                "secret": issued.secret.reveal(),
                "push_gateway_url": push_gateway_url(server, issued.secret.reveal()),
            }
            for issued in (applied.issued if applied else ())
        ],
    }


def _change(step: Step) -> dict[str, Any]:
    return {
        "change": step.action.value,
        "what": step.kind,
        "name": step.name,
        "fields": [
            {"name": field.name, "change": _change_of(field)}
            if _is_hidden(field)
            else {"name": field.name, "old": field.old, "new": field.new}
            for field in step.fields
        ],
    }


def _failure(found: Difference, applied: Applied, cause: GatewayError) -> GatewayError:
    """Tell where it stopped; the cause decides the exit code."""
    done, step = len(applied.done), found.steps[len(applied.done)]
    return type(cause)(
        f"{step.kind} {step.name!r}: {cause}. {done} of {len(found.steps)} changes are made; "
        "type the command again for the rest"
    )
