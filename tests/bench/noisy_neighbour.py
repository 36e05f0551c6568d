"""What a workspace feels of another one that sends at 50 times its limit.

    python -m tests.bench.noisy_neighbour [--rounds N] [--seconds S] [--rate N] [--limit N]

A quiet workspace sends at a steady rate, alone and beside a noisy one, in turn, several rounds of one run. The noisy
one may send so many pushes a second and sends fifty times as many, from a process of its own; so do the simulator and
the gateway run. Nobody waits for an answer before the next push: a gateway that is slow to refuse must not be spared
the rest, and its slowness not be left out of the latencies, which are counted from when a push was due.

Prints medians over the rounds of the quiet one's latencies, their ratio, and how much noise there really was.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from random import randrange

import aiohttp
import msgspec

from gateway.cli.output import print_facts, print_table
from tests.bench.push_door import add_workspace, running
from tests.end_to_end.running import message

TIMES = 50
RAMP_SECONDS = 1.0
"""How long the noise goes on before the quiet one is measured, and after it."""


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
    noises: list[float] = []
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as sides:
        quiet = sides[2].url
        config = ("-m", "gateway", "--config", str(Path(folder) / "gateway.toml"))
        secret = add_workspace(config, "noisy", "--rate", str(given.limit))
        noisy = quiet.replace(quiet.split("/")[4], secret)
        time.sleep(3.0)  # until the gateway knows it
        asyncio.run(send(quiet, given.rate, 2.0))
        for _ in range(given.rounds):
            alone.append(latencies(asyncio.run(send(quiet, given.rate, given.seconds)).took))
            with Noise(noisy, given.limit * TIMES, given.seconds + 2 * RAMP_SECONDS) as noise:
                beside.append(latencies(asyncio.run(send(quiet, given.rate, given.seconds)).took))
            noises.append(noise.rate())
    report(alone, beside, noises)


class Sent(msgspec.Struct, frozen=True):
    """How long each answer took, in seconds, and how many pushes a second really left."""

    took: list[float]
    rate: float


class Noise:
    """A process that sends far too much while the block runs."""

    def __init__(self, url: str, rate: float, seconds: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._rate, told = context.Pipe(duplex=False)
        self._begun = context.Event()
        arguments = (url, rate, seconds, self._begun, told)
        self._process = context.Process(target=make_noise, args=arguments)

    def __enter__(self) -> "Noise":
        self._process.start()
        self._begun.wait()
        time.sleep(RAMP_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.join()

    def rate(self) -> float:
        """Return how many pushes a second left, once it has ended."""
        return float(self._rate.recv())


def make_noise(url: str, rate: float, seconds: float, begun: Event, told: Connection) -> None:
    """Send at a rate, whatever the answers are; tell how it went."""
    begun.set()
    told.send(asyncio.run(send(url, rate, seconds)).rate)


async def send(url: str, rate: float, seconds: float) -> Sent:
    """Send at a steady rate, however long the answers take."""
    took: list[float] = []
    first = randrange(2**200)  # devices of its own: pushes to one device wait for each other

    async def push(number: int, due: float) -> None:
        async with session.post(url, data=msgspec.json.encode(message(f"{first + number:064x}"))) as answer:
            await answer.read()
        took.append(time.perf_counter() - due)

    headers = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session,
        asyncio.TaskGroup() as pushes,
    ):
        begun = time.perf_counter()
        for number in range(int(seconds * rate)):
            due = begun + number / rate
            await asyncio.sleep(due - time.perf_counter())
            pushes.create_task(push(number, due))
        reached = seconds * rate / (time.perf_counter() - begun)
    return Sent(took, reached)


def latencies(seconds: list[float]) -> Latencies:
    ordered = sorted(seconds)
    return Latencies(statistics.median(ordered) * 1000, ordered[int(len(ordered) * 0.99)] * 1000)


def report(alone: list[Latencies], beside: list[Latencies], noises: list[float]) -> None:
    """Print medians over the rounds, and what one is of the other."""
    rows = []
    for name in ("median", "p99"):
        quiet = statistics.median(getattr(one, name) for one in alone)
        noisy = statistics.median(getattr(one, name) for one in beside)
        rows.append((name, f"{quiet:.2f}", f"{noisy:.2f}", f"{noisy / quiet:.2f}"))
    print_table(("quiet workspace", "alone ms", "beside the noisy one ms", "ratio"), rows)
    print_facts({"noise, requests/s": f"{statistics.median(noises):,.0f} (slowest round {min(noises):,.0f})"})


if __name__ == "__main__":
    main()
