"""Items a second into the outbox and out of it, on both stores.

    python -m tests.bench.outbox [--rounds N] [--items N] [--backlog N]

MongoDB is the server of MONGODB_URL, else mongod where it is installed, else the stand-in of the tests, whose numbers
say little about MongoDB. Medians over the rounds; what is claimed is finished, batch by batch.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from cryptography.fernet import Fernet
from pymongo import MongoClient

from gateway.cli.output import print_table
from gateway.model.outbox import OutboxItem
from gateway.store.crypto import Vault
from gateway.store.mongo import MongoStore
from gateway.store.port import Store
from gateway.store.sqlite import SqliteStore
from tests.mongodb import with_database
from tests.servers.mongo import lacks, mongo
from tests.store.owed import APPLE, GOOGLE, claim, owed

WRITERS = (1, 100)
BATCHES = (1, 50, 500)
CLAIM = 100
WORKSPACES = 20
LINE = 5
"""How many items a line has."""
NUMBERS = itertools.count()
Rates = dict[tuple[str, str], dict[int, list[float]]]
"""Items a second of every round, by store and what was done, and by the backlog."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--items", type=int, default=2_000)
    parser.add_argument("--backlog", type=int, default=50_000)
    given = parser.parse_args()
    rates: Rates = {}
    with tempfile.TemporaryDirectory(dir=".") as folder, server(Path(folder)) as url:
        for backlog, name in itertools.product((0, given.backlog), ("SQLite", "MongoDB") if url else ("SQLite",)):
            asyncio.run(measure(rates, name, Path(folder) / f"{backlog}.db", url, backlog, given))
    report(rates, (0, given.backlog))


@contextmanager
def server(folder: Path) -> Iterator[str | None]:
    """Name a MongoDB server; None where there is none to be had."""
    if "MONGODB_URL" in os.environ or lacks():
        yield os.environ.get("MONGODB_URL")
        return
    with mongo(folder) as running:
        yield f"mongodb://127.0.0.1:{running.port}/"


@asynccontextmanager
async def opened(name: str, path: Path, server: str | None) -> AsyncIterator[Store]:
    """Open an empty store, gone afterwards."""
    vault = Vault([Fernet.generate_key().decode()], "lookup")
    if name == "SQLite":
        store: Store = await SqliteStore.open(path, lambda is_new: vault)
    else:
        url = with_database(server or "", "push_gateway_bench")
        with MongoClient[dict[str, object]](url.reveal()) as client:
            client.drop_database("push_gateway_bench")
        store = await MongoStore.open(url, vault)
    try:
        yield store
    finally:
        await store.close()


async def measure(
    rates: Rates, name: str, path: Path, server: str | None, backlog: int, given: argparse.Namespace
) -> None:
    """Fill a store up to the backlog, then put, claim and finish as many items as given, round after round."""
    async with opened(name, path, server) as store:
        await put(store, some(backlog), 1, 500)
        for _ in range(given.rounds):
            for writers, batch in itertools.product(WRITERS, BATCHES):
                items = some(given.items)
                seconds = await put(store, items, writers, batch)
                noted(rates, name, f"put, {writers} at once, batches of {batch}", backlog).append(len(items) / seconds)
                await store.outbox.finish([item.id for item in items])
            await put(store, some(given.items), 1, 500)
            seconds = await claim_and_finish(store, given.items)
            noted(rates, name, f"claim and finish, batches of {CLAIM}", backlog).append(given.items / seconds)


def noted(rates: Rates, name: str, what: str, backlog: int) -> list[float]:
    return rates.setdefault((name, what), {}).setdefault(backlog, [])


def some(count: int) -> list[OutboxItem]:
    """Make items of several workspaces and lanes, some to a line."""
    numbers = itertools.islice(NUMBERS, count)
    return [
        owed(
            f"{number:012}",
            workspace=f"workspace {number // LINE % WORKSPACES}",
            lane=APPLE if number // LINE % 2 else GOOGLE,
            line=f"line {number // LINE}",
            received_at=1000.0 + number / 1000,
        )
        for number in numbers
    ]


async def put(store: Store, items: Sequence[OutboxItem], writers: int, batch: int) -> float:
    """Add items by as many writers at once; return the seconds it took."""
    batches = iter([items[start : start + batch] for start in range(0, len(items), batch)])

    async def write() -> None:
        for one in batches:
            await store.outbox.put(one)

    started = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(writers)))
    return time.perf_counter() - started


async def claim_and_finish(store: Store, count: int) -> float:
    """Take items out, batch by batch; return the seconds it took."""
    started, done = time.perf_counter(), 0
    while done < count:
        items = await store.outbox.claim(claim(CLAIM))
        await store.outbox.finish([item.id for item in items])
        done += len(items)
    return time.perf_counter() - started


def report(rates: Rates, backlogs: Sequence[int]) -> None:
    rows = [
        (name, what, *(f"{statistics.median(found[backlog]):,.0f}" for backlog in backlogs))
        for (name, what), found in rates.items()
    ]
    print_table(("", "items a second", *(f"{backlog:,} there" for backlog in backlogs)), sorted(rows))


if __name__ == "__main__":
    main()
