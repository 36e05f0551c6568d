"""Our HTTP/2 client beside aioapns, httpx and h2load, all against one nghttpd in one run.

    python -m tests.bench.http2 [--rounds N] [--requests N]

Wants `pip install -e '.[test,bench]'`, nghttpd and h2load. TLS over loopback, one connection, one worker of nghttpd,
which allows 1,000 streams, as Apple does, and leaves windows as they are by default. Each client runs in a process of
its own, in turn, several rounds; slow ones send fewer requests. Medians, and ratios of medians.

What is not quite the same: httpx has at most 100 in flight on one connection; aioapns is made to take answers without
an id and with an empty body, and a push of it sleeps a second when it finds the connection's window used up; h2load's
CPU includes its start.
"""

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from statistics import median
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.progress import track

from gateway.cli.output import print_table
from tests.bench.http2_clients import Load, Measured
from tests.bench.pushes import target

T = TypeVar("T")
CLIENTS = ("ours", "aioapns", "httpx", "h2load")
IN_FLIGHT = (1, 100, 1_000)
FEWEST = 1_000
"""Requests of the run by which a client's pace is found, and of every other."""
BURSTS = 4
"""How often as many as are in flight a run has at least, so that it is more than how it begins."""
LONGEST = 1.5
"""Seconds that a run is to take, where that is more than the fewest requests."""


class Series(msgspec.Struct):
    """The runs of one client with as many requests in flight."""

    load: Load
    runs: list[Measured] = []

    @property
    def rate(self) -> float:
        """Answers a second."""
        return median(run.answered / run.seconds for run in self.runs)

    @property
    def cpu(self) -> float:
        """Microseconds of the client's processor an answer."""
        return median(run.cpu * 1e6 / max(run.answered, 1) for run in self.runs)

    @property
    def failures(self) -> str:
        """What failed, in all runs, and how often."""
        counted = sum((Counter(run.failures) for run in self.runs), Counter())
        return ", ".join(f"{number:,} {what}" for what, number in counted.items()) or "none"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=50_000, help="of a run, at most")
    given = parser.parse_args()
    with target() as server:
        loads = [
            Load(client, in_flight, min(max(FEWEST, BURSTS * in_flight), given.requests), server)
            for in_flight in IN_FLIGHT
            for client in CLIENTS
        ]
        series = [Series(paced(load, given.requests)) for load in shown(loads, "Finding each client's pace")]
        for one in shown(series * given.rounds, "Measuring"):
            one.runs.append(run(one.load))
    report(series)


def shown(steps: list[T], what: str) -> Iterable[T]:
    return track(steps, what, console=Console(stderr=True), transient=True)


def paced(load: Load, most: int) -> Load:
    """Give a client as many requests as it does in the time of a run."""
    trial = run(load)
    requests = min(int(trial.answered / trial.seconds * LONGEST), most)
    return msgspec.structs.replace(load, requests=max(requests, load.requests))


def run(load: Load) -> Measured:
    """Run one client in a process of its own."""
    command = (sys.executable, "-m", "tests.bench.http2_clients", msgspec.json.encode(load).decode())
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return msgspec.json.decode(said, type=Measured)


def report(series: list[Series]) -> None:
    columns = (
        "in flight", "client", "requests/s", "CPU µs a request", "rate / h2load's", "CPU / h2load's",
        "rate / aioapns'", "CPU / aioapns'", "requests", "failed",
    )  # fmt: skip
    by = {(one.load.in_flight, one.load.client): one for one in series}

    def row(one: Series) -> tuple[str, ...]:
        floor, other = by[one.load.in_flight, "h2load"], by[one.load.in_flight, "aioapns"]
        ratios = (one.rate / floor.rate, one.cpu / floor.cpu, one.rate / other.rate, one.cpu / other.cpu)
        measured = (f"{one.rate:,.0f}", f"{one.cpu:,.1f}", *(f"{ratio:.3g}" for ratio in ratios))
        sent = one.load.requests * len(one.runs)
        return f"{one.load.in_flight:,}", one.load.client, *measured, f"{sent:,}", one.failures

    print_table(columns, [row(one) for one in series])


if __name__ == "__main__":
    main()
