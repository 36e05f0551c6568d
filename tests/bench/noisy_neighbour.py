"""How long a quiet workspace's pushes take alone, and beside one that sends at fifty times its limit.

    python -m tests.bench.noisy_neighbour [--rounds N] [--seconds S] [--rate R] [--limit L]

The simulator, the gateway and each of the two servers run in a process of their own. Both servers send at a steady rate
whether they are answered or not, so a slow answer is not hidden by a sender that waits for it. In every round the quiet
one is measured alone, while as much is sent to another server on this machine, and beside the noisy one: on few cores
noise costs everybody something, whomever it is sent to. Medians of the rounds.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import aiohttp
import click
import msgspec

from gateway.cli.output import print_table
from tests.bench.site import PORTS, bench_site
from tests.end_to_end.running import IPHONE, message
from tests.servers.process import wait_for

TIMES = 50
"""How many times its limit the noisy one sends."""
WARM_UP = 0.5
"""Seconds of a round that are not measured."""


class Measured(msgspec.Struct):
    """One server's round: seconds that each answer took, and how many of each status."""

    seconds: list[float]
    statuses: dict[str, int]

    def percentile(self, share: float) -> float:
        """Return a percentile, in milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


class Round(msgspec.Struct):
    """What the quiet one measured alone, with as much sent to another server on this machine, and beside the noise."""

    alone: Measured
    elsewhere: Measured
    beside: Measured
    noisy: Measured


def main() -> None:
    """Measure and print; or be one of the servers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=50.0, help="pushes a second of the quiet one")
    parser.add_argument("--limit", type=float, default=20.0, help="the noisy one's limit, in pushes a second")
    parser.add_argument("--send", metavar="URL", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.send:
        click.echo(msgspec.json.encode(asyncio.run(send(given.send, given.rate, given.seconds))).decode())
        return
    with tempfile.TemporaryDirectory() as folder, bench_site(Path(folder)) as site:
        limit = (f"--rate={given.limit}", f"--burst={given.limit:.0f}")
        quiet, noisy = (
            f"http://127.0.0.1:{PORTS['public']}/w/{secret}/push/apn/send"
            for secret in (site.add_workspace("quiet"), site.add_workspace("noisy", *limit))
        )
        site.start_gateway()
        wait_for(PORTS["bare"], site.start("-m", "tests.bench.bare_handler", str(PORTS["bare"])))
        rounds = [one_round(quiet, noisy, given) for _ in range(given.rounds)]
    report(rounds)


def one_round(quiet: str, noisy: str, given: argparse.Namespace) -> Round:
    """Measure all three, one after the other."""
    alone = heard(server(quiet, given.rate, given.seconds))
    elsewhere, _ = beside(quiet, f"http://127.0.0.1:{PORTS['bare']}/", given)
    return Round(alone, elsewhere, *beside(quiet, noisy, given))


def beside(quiet: str, noisy: str, given: argparse.Namespace) -> tuple[Measured, Measured]:
    """Start the noisy one first, and let it end last."""
    loud = server(noisy, given.limit * TIMES, given.seconds + 2 * WARM_UP)
    time.sleep(WARM_UP)
    return heard(server(quiet, given.rate, given.seconds)), heard(loud)


def server(url: str, rate: float, seconds: float) -> "subprocess.Popen[bytes]":
    arguments = (f"--send={url}", f"--rate={rate}", f"--seconds={seconds}")
    command = (sys.executable, "-m", "tests.bench.noisy_neighbour", *arguments)
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def heard(process: "subprocess.Popen[bytes]") -> Measured:
    output, _ = process.communicate()
    return msgspec.json.decode(output, type=Measured)


async def send(url: str, rate: float, seconds: float) -> Measured:
    """Send at a steady rate, and time each answer from the moment when its push was due."""
    measured, statuses = Measured([], {}), Counter[str]()
    body, headers = msgspec.json.encode(message(IPHONE)), {"Content-Type": "application/json"}

    async def push(due: float, counts: bool) -> None:
        async with session.post(url, data=body, headers=headers) as answer:
            await answer.read()
        statuses[str(answer.status)] += 1
        if counts:
            measured.seconds.append(time.perf_counter() - due)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session, asyncio.TaskGroup() as tasks:
        begun = time.perf_counter()
        for number in range(int(rate * seconds)):
            due = begun + number / rate
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            tasks.create_task(push(due, counts=due - begun >= WARM_UP))
    return msgspec.structs.replace(measured, statuses=dict(statuses))


def report(rounds: list[Round]) -> None:
    rows = []
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        sides = zip(*((one.alone, one.elsewhere, one.beside) for one in rounds), strict=True)
        alone, elsewhere, beside = (statistics.median(one.percentile(share) for one in side) for side in sides)
        times = (f"{alone:.2f}", f"{elsewhere:.2f}", f"{beside:.2f}")
        rows.append((name, *times, f"{beside / alone:.2f}", f"{beside / elsewhere:.2f}"))
    columns = ("alone, ms", "noise elsewhere, ms", "beside, ms", "beside : alone", "beside : noise elsewhere")
    print_table(("", *columns), rows)
    for name, answers in (("quiet", [one.beside for one in rounds]), ("noisy", [one.noisy for one in rounds])):
        statuses = sum((Counter(one.statuses) for one in answers), Counter[str]())
        click.echo(f"{name}, answered: {dict(sorted(statuses.items()))}")


if __name__ == "__main__":
    main()
