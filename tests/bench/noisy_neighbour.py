"""What a workspace feels of another one that sends at 50 times its limit.

    python -m tests.bench.noisy_neighbour [--rounds N] [--seconds S] [--rate N] [--limit N]

A quiet workspace sends at a steady rate, alone and beside a noisy one, in turn, several rounds of one run. The noisy
one may send so many pushes a second and tries fifty times as many, over kept connections, from a process of its own; so
do the simulator and the gateway run. Prints medians over the rounds of the quiet one's latencies, and their ratio.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import msgspec

from gateway.cli.output import print_table
from tests.bench.push_door import add_workspace, running
from tests.end_to_end.running import message

TIMES = 50
CONNECTIONS = 20
"""Of the noisy workspace."""


class Latencies(msgspec.Struct, frozen=True):
    """Milliseconds of one round's pushes."""

    median: float
    p99: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--limit", type=float, default=20.0)
    given = parser.parse_args()
    alone: list[Latencies] = []
    beside: list[Latencies] = []
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as sides:
        quiet = sides[2].url
        config = ("-m", "gateway", "--config", str(Path(folder) / "gateway.toml"))
        secret = add_workspace(config, "noisy", "--rate", str(given.limit))
        noisy = quiet.replace(quiet.split("/")[4], secret)
        time.sleep(3.0)  # until the gateway knows it
        asyncio.run(send(quiet, given.rate, 2.0, 1))
        for _ in range(given.rounds):
            alone.append(latencies(asyncio.run(send(quiet, given.rate, given.seconds, 1))))
            with Noise(noisy, given.limit * TIMES, given.seconds + 1.0):
                beside.append(latencies(asyncio.run(send(quiet, given.rate, given.seconds, 1))))
    report(alone, beside)


class Noise:
    """A process that sends far too much while the block runs."""

    def __init__(self, url: str, rate: float, seconds: float) -> None:
        self._process = multiprocessing.get_context("spawn").Process(target=make_noise, args=(url, rate, seconds))

    def __enter__(self) -> "Noise":
        self._process.start()
        time.sleep(0.8)  # until it is at its rate
        return self

    def __exit__(self, *_: object) -> None:
        self._process.join()


def make_noise(url: str, rate: float, seconds: float) -> None:
    """Send at a rate, whatever the answers are; tell how it went."""
    sent = asyncio.run(send(url, rate, seconds, CONNECTIONS))
    print(f"noise: {len(sent) / seconds:,.0f} requests/s", file=sys.stderr)  # noqa: T201


async def send(url: str, rate: float, seconds: float, connections: int) -> list[float]:
    """Send at a steady rate and return how long each answer took, in seconds; who is late catches up."""
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, headers={"Content-Type": "application/json"}) as session:
        each = rate / connections
        senders = (pace(session, url, each, seconds, number) for number in range(connections))
        return [took for times in await asyncio.gather(*senders) for took in times]


async def pace(session: aiohttp.ClientSession, url: str, rate: float, seconds: float, number: int) -> list[float]:
    times: list[float] = []
    start = time.perf_counter() + number / rate / CONNECTIONS
    for push in range(int(seconds * rate)):
        await asyncio.sleep(start + push / rate - time.perf_counter())
        body = msgspec.json.encode(message(f"{number * 1_000_000 + push + 1:064x}"))
        began = time.perf_counter()
        async with session.post(url, data=body) as answer:
            await answer.read()
        times.append(time.perf_counter() - began)
    return times


def latencies(seconds: list[float]) -> Latencies:
    ordered = sorted(seconds)
    return Latencies(statistics.median(ordered) * 1000, ordered[int(len(ordered) * 0.99)] * 1000)


def report(alone: list[Latencies], beside: list[Latencies]) -> None:
    """Print medians over the rounds, and what one is of the other."""
    rows = []
    for name in ("median", "p99"):
        quiet = statistics.median(getattr(one, name) for one in alone)
        noisy = statistics.median(getattr(one, name) for one in beside)
        rows.append((name, f"{quiet:.2f}", f"{noisy:.2f}", f"{noisy / quiet:.2f}"))
    print_table(("quiet workspace", "alone ms", "beside the noisy one ms", "ratio"), rows)


if __name__ == "__main__":
    main()
