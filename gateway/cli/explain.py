"""`push-gateway explain`."""

import time
from pathlib import Path

import click
import msgspec
from rich.table import Table
from rich.text import Text

from gateway.cli.options import FILE
from gateway.cli.output import console, json_option, print_json
from gateway.cli.registering import with_registry
from gateway.model.errors import SettingsError
from gateway.model.notification_rules import NotificationRules
from gateway.workflow.explanation import Explanation, Fate, explained
from gateway.workflow.rules import Verdict
from gateway.workflow.situation import Request

MAX_FILE = 16 * 1024 * 1024
_DEFAULT = NotificationRules()
_COLOURS = {Verdict.PASSES: "green", Verdict.LIFTED: "yellow", Verdict.STOPS: "bold red", Verdict.OFF: "dim"}


@click.command()
@click.argument("file", type=FILE)
@click.option("--workspace", metavar="NAME", help="By this workspace's rules. Without: by the default ones.")
@json_option
@click.pass_obj
def explain(config: Path | None, file: Path, workspace: str | None, as_json: bool) -> None:
    """Say whether a receiver is notified of a message, why not, and when.

    FILE is JSON: the receiver (or receivers), the room and the message. Nothing is sent.
    """
    request = _read(file)
    rules = with_registry(config, lambda registry: registry.workspace(workspace)).rules if workspace else _DEFAULT
    now = time.time()
    explanations = [explained(situation, rules, now) for situation in request.situations()]
    if as_json:
        print_json(explanations)
        return
    for explanation in explanations:
        _print(explanation)


def _read(file: Path) -> Request:
    with file.open("rb") as opened:
        content = opened.read(MAX_FILE)
    try:
        return msgspec.json.decode(content, type=Request)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from None


def _print(explanation: Explanation) -> None:
    table = Table(
        "rule", "says", "because", title=Text(f"{explanation.receiver}: {_fate(explanation)}"), title_justify="left"
    )
    for finding in explanation.rules:
        says = Text(finding.verdict.value, style=_COLOURS[finding.verdict])
        table.add_row(finding.rule.value, says, finding.sentence)
    console().print(table)


def _fate(explanation: Explanation) -> str:
    match explanation.decision:
        case Fate.SKIPPED:
            return f"skipped, {explanation.reasons[0]}"
        case Fate.SCHEDULED:
            return f"scheduled, in {explanation.due_in:.0f} s unless it is read before"
    return "sent at once"
