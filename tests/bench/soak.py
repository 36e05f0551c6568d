"""Whether memory grows with the requests that a pool has carried.

    python -m tests.bench.soak [--requests N]

A million pushes to nghttpd, 100 in flight; of each hundred, one is cancelled as soon as it has begun and one is given a
millisecond. Prints the resident memory of this process (Linux) after a warm-up, and as the requests pass.
"""

import argparse
import asyncio
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import Progress

from gateway.cli.output import print_facts, print_table
from gateway.http2 import Http2Error, Limits, Pool, Request
from tests.bench.pushes import TOKENS, Target, push, target

WARM_UP = 20_000
STEPS = 10
IN_FLIGHT = 100
MIXED = 100
"""Of as many requests, one is cancelled and one is in a hurry."""
TIMEOUT, HURRY = 20.0, 0.001
"""Seconds."""


def main() -> None:
    """Send, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    given = parser.parse_args()
    with target() as server, Progress(console=Console(stderr=True), transient=True) as progress:
        sizes, became = uvloop.run(soak(server, given.requests, progress))
    before = sizes[0]
    steps = [(f"{given.requests * step // STEPS:,}", size) for step, size in enumerate(sizes)]
    print_table(("requests", "MiB", "growth"), [(sent, f"{size:.1f}", f"{size - before:+.1f}") for sent, size in steps])
    print_facts({what: f"{number:,}" for what, number in became.items()})


async def soak(server: Target, requests: int, progress: Progress) -> tuple[list[float], Counter[str]]:
    """Return the memory before and after each step, and what became of the requests."""
    became: Counter[str] = Counter()
    bar = progress.add_task("Soaking", total=requests)
    pool = server.pool(Limits())
    await carry(pool, range(min(WARM_UP, requests)), became)
    became.clear()
    sizes = [resident()]
    for step in range(STEPS):
        numbers = range(requests * step // STEPS, requests * (step + 1) // STEPS)
        await carry(pool, numbers, became)
        sizes.append(resident())
        progress.update(bar, advance=len(numbers), description=f"{sizes[-1]:.1f} MiB")
    await pool.aclose()
    return sizes, became


async def carry(pool: Pool, numbers: range, became: Counter[str]) -> None:
    """Keep pushes in flight until all are through."""
    left = iter(numbers)
    await asyncio.gather(*(one_after_another(pool, left, became) for _ in range(IN_FLIGHT)))


async def one_after_another(pool: Pool, numbers: Iterator[int], became: Counter[str]) -> None:
    for number in numbers:
        request = push(TOKENS[number % len(TOKENS)])
        if number % MIXED == 0:
            became[await cancelled(pool, request)] += 1
        else:
            became[await outcome(pool, request, HURRY if number % MIXED == 1 else TIMEOUT)] += 1


async def outcome(pool: Pool, request: Request, timeout: float) -> str:
    try:
        return f"answered {(await pool.send(request, timeout=timeout)).status}"
    except Http2Error as error:
        return error.reason


async def cancelled(pool: Pool, request: Request) -> str:
    sending = asyncio.create_task(outcome(pool, request, TIMEOUT))
    await asyncio.sleep(0)
    sending.cancel()
    await asyncio.wait((sending,))
    return "cancelled" if sending.cancelled() else sending.result()


def resident() -> float:
    """Return the resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
