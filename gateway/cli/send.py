"""`push-gateway send`."""

from datetime import UTC, datetime

import click
import msgspec

from gateway.app import open_gateway
from gateway.cli.output import json_option, print_facts, print_json
from gateway.cli.running import run, settings_from
from gateway.config import Settings
from gateway.delivery.push import Report
from gateway.model.clock import SystemClock
from gateway.model.errors import UnknownName
from gateway.model.notification import Platform, new_push_id
from gateway.model.outcome import Delivered
from gateway.observability.logging import configure_logging
from gateway.rocketchat.answer import PATIENCE, status_of


@click.command()
@click.option("--workspace", metavar="NAME", required=True, help="On whose behalf.")
@click.option("--platform", type=click.Choice([one.value for one in Platform]), required=True)
@click.option("--token", metavar="T", required=True, help="The device token.")
@click.option("--topic", metavar="T", help="The app's bundle id; needed for apn.")
@click.option("--title", default="Push gateway", show_default=True)
@click.option("--text", default="This is a test push.", show_default=True)
@json_option
@click.pass_context
def send(
    context: click.Context,
    workspace: str,
    platform: str,
    token: str,
    topic: str | None,
    title: str,
    text: str,
    as_json: bool,
) -> None:
    """Send a test push through the whole path, and show what Apple or Google says."""
    settings = settings_from(context.obj)
    configure_logging("warning", settings.logging.format)
    options = {"topic": topic, "title": title, "text": text}
    report = run(_send(settings, workspace, Platform(platform), token, options))
    (print_json if as_json else print_facts)(_facts(report))
    context.exit(0 if isinstance(report.outcome, Delivered) else 1)


async def _send(
    settings: Settings, workspace: str, platform: Platform, token: str, given: dict[str, str | None]
) -> Report:
    async with open_gateway(settings, SystemClock()) as gateway:
        await gateway.follower.check()
        member = gateway.follower.snapshot.by_name(workspace) if gateway.follower.snapshot else None
        if member is None:
            raise UnknownName(f"there is no workspace {workspace!r}; see `push-gateway workspace list`")
        options = {
            "uniqueId": member.workspace.unique_id or "push-gateway",
            "createdAt": datetime.now(UTC).isoformat(),
            "from": "push",
            "sound": "default",
            **given,
        }
        body = msgspec.json.encode({"token": token, "options": options})
        return await gateway.desk.attempt(member, body, platform, new_push_id(), gateway.clock.monotonic() + PATIENCE)


def _facts(report: Report) -> dict[str, object]:
    outcome, verdict = report.outcome, report.verdict
    return {
        "outcome": outcome.label,
        "reason": outcome.reason.value,
        "answer": status_of(outcome),
        "app": report.app,
        "provider_status": verdict.status if verdict else None,
        "provider_words": verdict.words if verdict else None,
        "provider_id": verdict.provider_id if verdict else None,
        "explanation": outcome.text,
    }
