"""`push-gateway workspace ...`."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import click
import msgspec

from gateway.cli.output import json_option, print_facts, print_json, print_table
from gateway.cli.registering import with_registry
from gateway.cli.running import settings_from
from gateway.cli.traits import limits_shown, trait_options, traits_of
from gateway.config import ServerSettings
from gateway.delivery.changes import WorkspaceChanges
from gateway.delivery.registry import Issued, Registry
from gateway.model.limits import Limits
from gateway.model.notification_rules import NotificationRules
from gateway.model.workspace import Workspace


@click.group("workspace")
def workspace_group() -> None:
    """The Rocket.Chat servers that may send."""


@workspace_group.command("add")
@click.argument("name")
@click.option(
    "--app", "apps", metavar="APP", multiple=True, required=True, help="An app it may send to. May be repeated."
)
@trait_options
@json_option
@click.pass_obj
def add(config: Path | None, /, name: str, apps: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Add a workspace and print, once, what its server needs."""
    traits = traits_of(given, Limits(), NotificationRules())
    issued = with_registry(config, lambda registry: registry.add_workspace(name, apps, **traits))
    _print_issued(issued, settings_from(config).server, as_json)


@workspace_group.command("rotate")
@click.argument("name")
@click.option(
    "--grace",
    type=click.FloatRange(0, 720),
    default=0.0,
    metavar="HOURS",
    help="How long the old secret still works. [default: 0]",
)
@json_option
@click.pass_obj
def rotate(config: Path | None, name: str, grace: float, as_json: bool) -> None:
    """Make a new secret and print it, once."""
    issued = with_registry(config, lambda registry: registry.rotate(name, grace * 3600))
    _print_issued(issued, settings_from(config).server, as_json)


@workspace_group.command("update")
@click.argument("name")
@click.option(
    "--app", "apps", metavar="APP", multiple=True, help="The apps it may send to from now on. May be repeated."
)
@trait_options
@click.option("--allow-from-anywhere", is_flag=True, help="Accept any source address again.")
@json_option
@click.pass_obj
def update(
    config: Path | None,
    /,
    name: str,
    apps: tuple[str, ...],
    allow_from_anywhere: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Change what a workspace may do; a running gateway follows within seconds."""
    present = with_registry(config, lambda registry: registry.workspace(name))
    traits = traits_of(given, present.limits, present.rules)
    if allow_from_anywhere:
        traits["allow_from"] = ()
    changes = WorkspaceChanges(apps=apps) if apps else WorkspaceChanges()
    changes.update(cast(WorkspaceChanges, traits))  # whose keys are all its own
    _change(config, as_json, lambda registry: registry.update_workspace(name, **changes))


@workspace_group.command("suspend")
@click.argument("name")
@json_option
@click.pass_obj
def suspend(config: Path | None, name: str, as_json: bool) -> None:
    """Answer a workspace's pushes with 401 until it is resumed."""
    _change(config, as_json, lambda registry: registry.update_workspace(name, suspended=True))


@workspace_group.command("hold")
@click.argument("name")
@json_option
@click.pass_obj
def hold(config: Path | None, name: str, as_json: bool) -> None:
    """Keep a workspace's pushes, answered 200, until it is resumed: while its apps or topics change."""
    _change(config, as_json, lambda registry: registry.update_workspace(name, held=True))


@workspace_group.command("resume")
@click.argument("name")
@json_option
@click.pass_obj
def resume(config: Path | None, name: str, as_json: bool) -> None:
    """Let a workspace send again that was suspended or put on hold."""
    _change(config, as_json, lambda registry: registry.update_workspace(name, suspended=False, held=False))


@workspace_group.command("remove")
@click.argument("name")
@json_option
@click.pass_obj
def remove(config: Path | None, name: str, as_json: bool) -> None:
    """Forget a workspace."""
    _change(config, as_json, lambda registry: registry.remove_workspace(name))


@workspace_group.command("show")
@click.argument("name")
@json_option
@click.pass_obj
def show(config: Path | None, name: str, as_json: bool) -> None:
    """Show one workspace; never its secret."""
    _change(config, as_json, lambda registry: registry.workspace(name))


@workspace_group.command("list")
@json_option
@click.pass_obj
def list_workspaces(config: Path | None, as_json: bool) -> None:
    """List the workspaces."""
    contents = with_registry(config, lambda registry: registry.contents())
    names = {app.id: app.name for app in contents.apps}
    workspaces = [_facts(workspace, names) for workspace in contents.workspaces]
    if as_json:
        print_json(workspaces)
    else:
        columns = ("name", "apps", "suspended", "held", "content", "forward", "unique_id", "allow_from")
        print_table(columns, [[one[column] for column in columns] for one in workspaces])


def _change(config: Path | None, as_json: bool, action: Callable[[Registry], Awaitable[Workspace]]) -> None:
    async def change(registry: Registry) -> dict[str, object]:
        workspace = await action(registry)
        return _facts(workspace, {app.id: app.name for app in (await registry.contents()).apps})

    facts = with_registry(config, change)
    (print_json if as_json else print_facts)(facts)


def _facts(workspace: Workspace, app_names: Mapping[str, str]) -> dict[str, object]:
    return {
        "id": workspace.id,
        "name": workspace.name,
        "apps": [app_names.get(app_id, app_id) for app_id in workspace.apps],
        "unique_id": workspace.unique_id,
        "allow_from": workspace.allow_from,
        "suspended": workspace.suspended,
        "held": workspace.held,
        "content": workspace.content.value,
        "fixed_text": workspace.fixed_text,
        "forward": workspace.forward,
        "limits": limits_shown(workspace.limits),
        "rules": msgspec.to_builtins(workspace.rules),
        "created_at": datetime.fromtimestamp(workspace.created_at, UTC).isoformat(timespec="seconds"),
    }


def push_gateway_url(server: ServerSettings, secret: str) -> str:
    """Return the value for `Push_gateway`: the public URL, or where the door listens, with the workspace's secret."""
    if server.public_url:
        return f"{server.public_url.rstrip('/')}/w/{secret}"
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(server.listen.host)  # noqa: S104 - compared, not bound
    where = f"{host}:{server.listen.port}" if host else str(server.listen)
    return f"http://{where}/w/{secret}"


def _print_issued(issued: Issued, server: ServerSettings, as_json: bool) -> None:
    workspace, secret = issued.workspace, issued.secret.reveal()
    url = push_gateway_url(server, secret)
    if not server.public_url:
        click.echo("public_url is not set in [server]: replace host and port by what your servers reach.", err=True)
    if as_json:
        print_json({"id": workspace.id, "name": workspace.name, "secret": secret, "push_gateway_url": url})
        return
    click.echo(_INSTRUCTIONS.format(name=workspace.name, url=url))


_INSTRUCTIONS = """\
Workspace {name}. This URL is shown once; it holds the secret:

  Push_gateway  {url}

On the Rocket.Chat server set it under Administration, Settings, Push, or by environment, and restart the server:

  OVERWRITE_SETTING_Push_enable=true
  OVERWRITE_SETTING_Push_enable_gateway=true
  OVERWRITE_SETTING_Register_Server=true
  OVERWRITE_SETTING_Cloud_Service_Agree_PrivacyTerms=true
  OVERWRITE_SETTING_Push_gateway={url}
"""
