"""Pushes a second through the push door, beside what aiohttp itself can do.

    python -m tests.bench.push_door [--rounds N] [--seconds S] [--clients N]

Each side runs in a process of its own: the simulator, the gateway, the bare handlers. The client is this process. All
over loopback, keep-alive, one worker, in turn, several rounds; medians and ratios of the same run.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import msgspec

from gateway.cli.output import print_table
from tests.bench.site import PORTS, bench_site
from tests.end_to_end.running import ANDROID, IPHONE, message
from tests.servers.process import wait_for


class Side(msgspec.Struct):
    """One thing measured."""

    name: str
    url: str
    body: bytes
    pid: int
    rates: list[float] = []
    cpu: list[float] = []


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--clients", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as sides:
        for _ in range(given.rounds):
            for side in sides:
                asyncio.run(measure(side, given.seconds, given.clients))
    report(sides)


@contextmanager
def running(folder: Path) -> Iterator[list[Side]]:
    """Start everything; stop it at the end."""
    with bench_site(folder) as site:
        secret, throttled = site.add_workspace("w"), site.add_workspace("throttled", "--rate=0.01")
        bare = site.start("-m", "tests.bench.bare_handler", str(PORTS["bare"]))
        gateway = site.start_gateway()
        wait_for(PORTS["bare"], bare)
        yield sides_of(secret, throttled, gateway, bare.pid)


def sides_of(secret: str, throttled: str, gateway: int, bare: int) -> list[Side]:
    apple, google = (msgspec.json.encode(message(token)) for token in (IPHONE, ANDROID))
    door = f"http://127.0.0.1:{PORTS['public']}/w/{secret}/push"
    return [
        Side("bare aiohttp handler that parses JSON", f"http://127.0.0.1:{PORTS['bare']}/", apple, bare),
        Side(
            "gateway, refused at the door (401)",
            f"http://127.0.0.1:{PORTS['public']}/w/no/push/apn/send",
            apple,
            gateway,
        ),
        Side(
            "gateway, refused for the rate (429)",
            f"http://127.0.0.1:{PORTS['public']}/w/{throttled}/push/apn/send",
            apple,
            gateway,
        ),
        Side("gateway to APNs", f"{door}/apn/send", apple, gateway),
        Side("gateway to FCM", f"{door}/gcm/send", google, gateway),
    ]


async def measure(side: Side, seconds: float, clients: int) -> None:
    """Push for `seconds` and note the rate, and the CPU of the measured process."""
    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(connector=connector) as session:
        end = time.perf_counter() + seconds
        cpu, started = cpu_seconds(side.pid), time.perf_counter()
        done = sum(await asyncio.gather(*(client(session, side, end) for _ in range(clients))))
        side.rates.append(done / (time.perf_counter() - started))
        side.cpu.append((cpu_seconds(side.pid) - cpu) / done * 1e6)


async def client(session: aiohttp.ClientSession, side: Side, end: float) -> int:
    done = 0
    while time.perf_counter() < end:
        async with session.post(side.url, data=side.body, headers={"Content-Type": "application/json"}) as answer:
            await answer.read()
        done += 1
    return done


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its workers (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(fields[11]) + int(fields[12])) / 100 + sum(cpu_seconds(int(worker)) for worker in workers)


def report(sides: list[Side]) -> None:
    base = statistics.median(sides[0].cpu)
    rows = [
        (
            side.name,
            f"{statistics.median(side.rates):,.0f}",
            f"{statistics.median(side.cpu):,.0f}",
            f"{base / statistics.median(side.cpu):.0%}",
        )
        for side in sides
    ]
    print_table(("", "requests/s", "CPU µs a request", "of the bare handler, by CPU"), rows)


if __name__ == "__main__":
    main()
