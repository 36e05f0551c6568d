"""`push-gateway deliveries`."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import click
import msgspec

from gateway.app import open_store
from gateway.cli.options import DEVICE, DURATION, REASON_CODE
from gateway.cli.output import json_option, local_time, print_json, print_line, print_table, utc_time
from gateway.cli.running import StopSignals, run, settings_from
from gateway.config import Settings
from gateway.model.delivery import DEVICE_DIGITS, Delivery, DeliveryQuery
from gateway.model.outcome import Outcome
from gateway.store.port import Store

COLUMNS = ("time", "workspace", "app", "platform", "kind", "outcome", "reason", "provider", "ms", "device", "id")
POLL_SECONDS = 1.0
LATE_SECONDS = 10.0
"""How much later than its time a delivery may be written: each gateway writes in batches, by a clock of its own."""
PAGE = 500


@click.command()
@click.option("--workspace", metavar="NAME", help="Only this workspace's.")
@click.option("--app", metavar="NAME", help="Only those through this app.")
@click.option("--device", type=DEVICE, help="Only one device's, by the digits that a log line shows.")
@click.option("--outcome", type=click.Choice([kind.label for kind in Outcome.__subclasses__()]), help="Only these.")
@click.option("--reason", type=REASON_CODE, help="Only those with this reason code.")
@click.option("--since", type=DURATION, help="Only the newest, such as 90s, 15m, 1h, 7d.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many at most.")
@click.option("--follow", is_flag=True, help="Go on with what comes, oldest first, until Ctrl-C.")
@json_option
@click.pass_obj
def deliveries(
    config: Path | None,
    workspace: str | None,
    app: str | None,
    device: str | None,
    outcome: str | None,
    reason: str | None,
    since: float | None,
    limit: int,
    follow: bool,
    as_json: bool,
) -> None:
    """Show what became of pushes, newest first.

    With --json and --follow every line is one JSON document.
    """
    wanted = DeliveryQuery(
        workspace=workspace,
        app=app,
        device=device,
        outcome=outcome,
        reason=reason,
        since=None if since is None else time.time() - since,
    )
    settings = settings_from(config)
    if follow:
        run(_follow(settings, wanted, limit, _print_document if as_json else _print_row))
        return
    found = run(_find(settings, wanted, limit))
    if as_json:
        print_json([_facts(delivery) for delivery in found])
    else:
        print_table(COLUMNS, [_cells(delivery) for delivery in found])


async def _find(settings: Settings, wanted: DeliveryQuery, limit: int) -> list[Delivery]:
    async with open_store(settings) as opened:
        return await opened.store.deliveries(wanted, None, limit)


async def _follow(settings: Settings, wanted: DeliveryQuery, limit: int, show: Callable[[Delivery], None]) -> None:
    """Show the newest, then what is written after them."""
    stopped = asyncio.create_task(StopSignals().next())
    async with open_store(settings) as opened:
        begun_at = time.time()
        shown = await opened.store.deliveries(wanted, None, limit)
        for delivery in reversed(shown):
            show(delivery)
        news = _News(opened.store, wanted, shown, begun_at)
        while not stopped.done():
            async for delivery in news.look():
                show(delivery)
            await asyncio.wait({stopped}, timeout=POLL_SECONDS)


class _News:
    """What is in the log now and was not at the last look."""

    def __init__(self, store: Store, wanted: DeliveryQuery, known: list[Delivery], begun_at: float) -> None:
        self._store = store
        self._wanted = msgspec.structs.replace(wanted, oldest_first=True)
        self._newest = known[0].at if known else begun_at
        self._floor = known[-1] if known else None
        self._known = {delivery.id: delivery.at for delivery in known}

    async def look(self) -> AsyncIterator[Delivery]:
        """Read again what may have been written late, and what is newer; yield what was not seen."""
        since = max(self._newest - LATE_SECONDS, self._wanted.since or 0.0)
        wanted = msgspec.structs.replace(self._wanted, since=since)
        self._known = {key: at for key, at in self._known.items() if at >= since}
        page = await self._store.deliveries(wanted, self._floor, PAGE)
        while page:
            for delivery in page:
                if delivery.id not in self._known:
                    self._known[delivery.id] = delivery.at
                    self._newest = max(self._newest, delivery.at)
                    yield delivery
            page = await self._store.deliveries(wanted, page[-1], PAGE)


def _print_document(delivery: Delivery) -> None:
    click.echo(msgspec.json.encode(_facts(delivery)))


def _print_row(delivery: Delivery) -> None:
    print_line(_cells(delivery))


def _facts(delivery: Delivery) -> dict[str, object]:
    return {**msgspec.structs.asdict(delivery), "at": utc_time(delivery.at)}


def _cells(delivery: Delivery) -> tuple[object, ...]:
    provider = " ".join(filter(None, (str(delivery.provider_status or ""), delivery.provider_words)))
    return (
        local_time(delivery.at),
        delivery.workspace,
        delivery.app,
        delivery.platform,
        delivery.kind,
        delivery.outcome,
        delivery.reason,
        provider or None,
        delivery.ms,
        delivery.device[:DEVICE_DIGITS] if delivery.device else None,
        delivery.id,
    )
