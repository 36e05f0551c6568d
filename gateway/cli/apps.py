"""`push-gateway app ...`."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from gateway.cli.options import FILE
from gateway.cli.output import json_option, print_facts, print_json, print_table
from gateway.cli.registering import with_registry
from gateway.cli.traits import LIMITS, limit_options, limits_of, limits_shown
from gateway.delivery.changes import given_credentials
from gateway.delivery.registry import Registry
from gateway.model.app import ApnsCredentials, ApnsEnvironment, App, FcmCredentials
from gateway.model.limits import Limits
from gateway.providers.credentials import with_environment, with_topics
from gateway.providers.key_files import KeyFile, read_apns_certificate, read_apns_key, read_fcm_service_account

MAX_KEY_FILE = 1024 * 1024
F = TypeVar("F", bound=Callable[..., Any])


class CredentialOptions(msgspec.Struct, frozen=True):
    """The credentials on a command line, unread."""

    apns_key: Path | None
    apns_key_id: str | None
    apns_team_id: str | None
    apns_certificate: Path | None
    apns_passphrase_file: Path | None
    apns_topic: tuple[str, ...]
    apns_environment: str | None
    fcm_service_account: Path | None

    @property
    def environment(self) -> ApnsEnvironment:
        """The environment asked for; production when none is."""
        return ApnsEnvironment(self.apns_environment or ApnsEnvironment.PRODUCTION)

    def read_apns(self) -> ApnsCredentials | None:
        """Read Apple's key or certificate, if one is given."""
        if self.apns_key and self.apns_certificate:
            raise click.UsageError("give --apns-key or --apns-certificate, not both")
        if self.apns_certificate:
            file = self._key_file(self.apns_certificate)
            return read_apns_certificate(file, self.apns_topic, self.environment, time.time())
        if not self.apns_key:
            return None
        if not (self.apns_key_id and self.apns_team_id):
            raise click.UsageError("--apns-key needs --apns-key-id and --apns-team-id")
        file = self._key_file(self.apns_key)
        return read_apns_key(file, self.apns_key_id, self.apns_team_id, self.apns_topic, self.environment)

    def read_fcm(self) -> FcmCredentials | None:
        """Read Google's service account, if one is given."""
        if not self.fcm_service_account:
            return None
        return read_fcm_service_account(KeyFile(str(self.fcm_service_account), content_of(self.fcm_service_account)))

    def applied_to(self, present: ApnsCredentials | None) -> ApnsCredentials | None:
        """Return new credentials, or the present ones with other topics or another environment."""
        given = self.read_apns()
        if given is not None or not (self.apns_topic or self.apns_environment):
            return given
        if present is None:
            raise click.UsageError("this app has no Apple credentials yet; give --apns-key or --apns-certificate too")
        changed = with_topics(present, self.apns_topic) if self.apns_topic else present
        return with_environment(changed, self.environment) if self.apns_environment else changed

    def _key_file(self, path: Path) -> KeyFile:
        passphrase = self.apns_passphrase_file.read_bytes().strip() if self.apns_passphrase_file else None
        return KeyFile(str(path), content_of(path), passphrase)


def content_of(path: Path) -> bytes:
    """Read a key file; of one that cannot be one, the beginning."""
    with path.open("rb") as file:
        return file.read(MAX_KEY_FILE)


def credential_options(command: F) -> F:
    """Give a command the options of an app's credentials, as one argument `credentials`."""
    environments = click.Choice([environment.value for environment in ApnsEnvironment])
    options = (
        click.option("--apns-key", type=FILE, help="Apple's AuthKey_<KEYID>.p8."),
        click.option("--apns-key-id", metavar="ID", help="The key's id, ten characters."),
        click.option("--apns-team-id", metavar="ID", help="The Apple team's id, ten characters."),
        click.option(
            "--apns-certificate", type=FILE, help="A certificate with its key (PEM or .p12), in place of a key."
        ),
        click.option("--apns-passphrase-file", type=FILE, help="File with the passphrase of the key or certificate."),
        click.option("--apns-topic", metavar="T", multiple=True, help="The app's bundle id. May be repeated."),
        click.option(
            "--apns-environment", type=environments, help="Where the app's devices register. [default: production]"
        ),
        click.option("--fcm-service-account", type=FILE, help="Google service account key (JSON)."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group("app")
def app_group() -> None:
    """The mobile apps and their Apple and Google credentials."""


@app_group.command("add")
@click.argument("name")
@credential_options
@limit_options
@json_option
@click.pass_obj
def add(config: Path | None, /, name: str, as_json: bool, **given: Any) -> None:
    """Add an app."""
    options, limits = _options(given), limits_of(given, Limits())
    apns, fcm = options.read_apns(), options.read_fcm()
    if apns is None and fcm is None:
        raise click.UsageError("give credentials: --apns-key, --apns-certificate or --fcm-service-account")
    _print(with_registry(config, lambda registry: registry.add_app(name, apns, fcm, limits)), as_json)


@app_group.command("update")
@click.argument("name")
@credential_options
@limit_options
@json_option
@click.pass_obj
def update(config: Path | None, /, name: str, as_json: bool, **given: Any) -> None:
    """Replace an app's credentials, topics, environment or limits; a running gateway follows within seconds."""
    options = _options(given)
    present = with_registry(config, lambda registry: registry.app(name))
    changes = given_credentials(options.applied_to(present.apns), options.read_fcm())
    changes["limits"] = limits_of(given, present.limits)
    _print(with_registry(config, lambda registry: registry.update_app(name, **changes)), as_json)


@app_group.command("hold")
@click.argument("name")
@json_option
@click.pass_obj
def hold(config: Path | None, name: str, as_json: bool) -> None:
    """Keep an app's pushes, answered 200, until it is resumed: while its keys or topics change."""
    _print(with_registry(config, lambda registry: registry.update_app(name, held=True)), as_json)


@app_group.command("resume")
@click.argument("name")
@json_option
@click.pass_obj
def resume(config: Path | None, name: str, as_json: bool) -> None:
    """Send what was kept of an app, and all that comes."""
    _print(with_registry(config, lambda registry: registry.update_app(name, held=False)), as_json)


@app_group.command("list")
@json_option
@click.pass_obj
def list_apps(config: Path | None, as_json: bool) -> None:
    """List the apps."""
    apps = with_registry(config, _all_with_troubles)
    if as_json:
        print_json(apps)
    else:
        columns = ("name", "apns_topics", "apns_environment", "fcm_project_id", "held", "troubles")
        print_table(columns, [[app[column] for column in columns] for app in apps])


@app_group.command("show")
@click.argument("name")
@json_option
@click.pass_obj
def show(config: Path | None, name: str, as_json: bool) -> None:
    """Show one app; never its keys."""

    async def facts(registry: Registry) -> dict[str, object]:
        app, troubles = await registry.app(name), await registry.troubles()
        return facts_of(app) | {"troubles": troubles.get(app.name, [])}

    (print_json if as_json else print_facts)(with_registry(config, facts))


@app_group.command("remove")
@click.argument("name")
@json_option
@click.pass_obj
def remove(config: Path | None, name: str, as_json: bool) -> None:
    """Forget an app and its keys; refused while a workspace uses it."""
    _print(with_registry(config, lambda registry: registry.remove_app(name)), as_json)


def _options(given: dict[str, Any]) -> CredentialOptions:
    return CredentialOptions(**{name: value for name, value in given.items() if name not in LIMITS})


async def _all_with_troubles(registry: Registry) -> list[dict[str, object]]:
    troubles = await registry.troubles()
    return [facts_of(app) | {"troubles": troubles.get(app.name, [])} for app in (await registry.contents()).apps]


def _print(app: App, as_json: bool) -> None:
    (print_json if as_json else print_facts)(facts_of(app))


def facts_of(app: App) -> dict[str, object]:
    """Name what may be shown of an app."""
    apns, fcm = app.apns, app.fcm
    return {
        "id": app.id,
        "name": app.name,
        "apns_topics": apns.topics if apns else None,
        "apns_environment": apns.environment.value if apns else None,
        "apns_credentials": ("certificate" if apns.certificate else "key") if apns else None,
        "apns_key_id": apns.key_id or None if apns else None,
        "apns_team_id": apns.team_id or None if apns else None,
        "apns_expires_at": _iso(apns.expires_at) if apns else None,
        "fcm_project_id": fcm.project_id if fcm else None,
        "fcm_client_email": fcm.client_email if fcm else None,
        "held": app.held,
        "limits": limits_shown(app.limits),
        "created_at": _iso(app.created_at),
    }


def _iso(moment: float | None) -> str | None:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds") if moment is not None else None
