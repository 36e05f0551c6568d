"""How often a gateway speaks to its database while pushes are delivered.

    python -m tests.bench.happy_path [--pushes N]

Before an answer, never: for that, pushes are sent while time stands still for the gateway, so that what it writes
behind the answers is not written. Then they are sent again while time goes on, and what is written behind is counted:
SQLite's transactions, MongoDB's commands. The server is the one of tests.bench.outbox.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
from pymongo import monitoring

from gateway.cli.output import print_table
from gateway.config import EncryptionSettings, Settings, StoreSettings
from gateway.model.clock import Clock, SystemClock
from gateway.model.secret import Secret
from gateway.model.store_url import StoreUrl
from gateway.observability.logging import configure_logging
from gateway.providers.simulator import Simulator
from tests.anywhere import ANYWHERE
from tests.bench.outbox import server
from tests.clock import ManualClock
from tests.end_to_end.operations import Commands, proven, watched
from tests.end_to_end.running import IPHONE, message, settings_of, start_gateway
from tests.mongodb import with_database

KEY = Secret("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
AT_ONCE = 50
SETTLED_SECONDS = 3.0
"""After which everything is written."""


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pushes", type=int, default=5_000)
    given = parser.parse_args()
    configure_logging("warning", "console")
    commands = Commands()
    monitoring.register(commands)
    rows = []
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as url:
        for name in ("SQLite", "MongoDB") if url else ("SQLite",):
            counts = []
            for clock in (ManualClock(time.time()), SystemClock()):
                data = f"{name}_{len(counts)}"
                kept = _on(with_database(url, data)) if url and name == "MongoDB" else {}
                counts.append(asyncio.run(count(Path(folder) / data, kept, clock, commands, given.pushes)))
            rows.append((name, given.pushes, *counts, f"{counts[1] / given.pushes:.3f}"))
    print_table(("", "pushes delivered", "before the answers", "behind them", "behind, per push"), rows)


def _on(url: StoreUrl) -> dict[str, object]:
    return {
        "store": StoreSettings(url=url),
        "encryption": EncryptionSettings(keys=(KEY,), lookup_key=Secret("lookup")),
    }


async def count(data: Path, kept: dict[str, object], clock: Clock, commands: Commands, pushes: int) -> int:
    """Deliver pushes, each to a device of its own; return how many database operations there were."""
    async with Simulator(data, ANYWHERE, SystemClock()) as simulator, AsyncExitStack() as cleanup:
        settings: Settings = msgspec.structs.replace(await asyncio.to_thread(settings_of, simulator), **kept)
        running = await start_gateway(simulator, cleanup, settings, clock)
        await running.register()
        await running.prove()
        await proven(running)
        operations = watched(running, commands)
        for start in range(0, pushes, AT_ONCE):
            bodies = [message(f"{IPHONE[:-8]}{number:08}") for number in range(start, start + AT_ONCE)]
            await asyncio.gather(*(running.push("apn", body) for body in bodies))
        if isinstance(clock, SystemClock):
            await asyncio.sleep(SETTLED_SECONDS)
        return _counted(operations)


def _counted(operations: Sequence[str]) -> int:
    """Count SQLite's transactions, or MongoDB's commands."""
    transactions = sum(one == "COMMIT" for one in operations)
    return transactions or len(operations)


if __name__ == "__main__":
    main()
