"""What a gateway asks of its database, whichever it has."""

import asyncio
from typing import Any

from pymongo import monitoring

from gateway.store.sqlite import SqliteStore
from tests.end_to_end.running import Running


class Commands(monitoring.CommandListener):
    """What is asked of a MongoDB server."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


def watched(running: Running, commands: Commands) -> list[Any]:
    """Return a list in which every database operation from now on is noted."""
    store = running.gateway.store
    if not isinstance(store, SqliteStore):
        commands.names.clear()
        return commands.names
    statements: list[str] = []
    store._connection.set_trace_callback(statements.append)  # SQLite's own way to hear them
    return statements


async def proven(running: Running) -> None:
    """Wait until it is written down that both credentials have delivered, which happens once."""
    async with asyncio.timeout(10):
        while len((await running.gateway.store.load()).proven) < 2:  # noqa: ASYNC110 - a store gives no event
            await asyncio.sleep(0)
