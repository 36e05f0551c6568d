"""`push-gateway store ...`."""

from pathlib import Path

import click

from gateway.app import given_keys
from gateway.cli.options import STORE_URL
from gateway.cli.output import json_option, print_json, print_table
from gateway.cli.progress import screen
from gateway.cli.running import run, settings_from
from gateway.model.store_url import StoreUrl
from gateway.store.copying import Shares, copy, survey
from gateway.store.local_keys import has_local_keys
from gateway.store.opening import GivenKeys, migrate_store, open_copy, open_original
from gateway.store.port import Store


@click.group("store")
def store_group() -> None:
    """What outlives the gateway: its migration to a new version, its move to another place."""


@store_group.command("migrate")
@json_option
@click.pass_obj
def migrate(config: Path | None, as_json: bool) -> None:
    """Bring the store to the schema of this version. Stop every gateway and make a backup before."""
    settings = settings_from(config)
    done = run(migrate_store(settings.store.url, given_keys(settings)))
    if as_json:
        print_json({"migrations": done})
    else:
        click.echo(
            "\n".join(f"done: {step}" for step in done) or "nothing to do: the store is as this version needs it"
        )


@store_group.command("copy")
@click.option(
    "--from", "source", metavar="URL", type=STORE_URL, help="The original. [default: the settings' store.url]"
)
@click.option("--to", "target", metavar="URL", type=STORE_URL, help="The copy. [default: the settings' store.url]")
@json_option
@click.pass_obj
def copy_store(config: Path | None, source: StoreUrl | None, target: StoreUrl | None, as_json: bool) -> None:
    """Copy everything into an empty store; run again after an interruption, it goes on.

    Stop every gateway before. A URL with a password is safer in the settings than on the command line, where other
    users of the machine can see it.
    """
    settings = settings_from(config)
    source, target = source or settings.store.url, target or settings.store.url
    if source == target:
        raise click.UsageError("give --from, --to or both: the original and the copy are the same store")
    shares = run(_copy(source, target, given_keys(settings)))
    if as_json:
        print_json(shares)
    else:
        rows = [(name, share.copied, share.present) for name, share in shares.items()]
        print_table(("what", "copied", "already there"), rows)
        click.echo(f"Both stores hold the same now. To use the copy, set store.url to where it is: {target}")
        if target.path is None or not has_local_keys(Path(target.path).parent):
            click.echo("It is encrypted under the keys given here: its gateway needs them, too, in [encryption].")


async def _copy(source_url: StoreUrl, target_url: StoreUrl, keys: GivenKeys) -> Shares:
    source = await open_original(source_url, keys)
    try:
        target = await open_copy(target_url, keys, source.vault)
        try:
            return await _copy_visibly(source.store, target.store)
        finally:
            await target.store.close()
    finally:
        await source.store.close()


async def _copy_visibly(source: Store, target: Store) -> Shares:
    shares = await survey(source, target)
    with screen() as shown:
        shown.begins("Copying", sum(share.copied for share in shares.values()))
        await copy(source, target, shown.advances)
    return shares
