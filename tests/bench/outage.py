"""What an outage of Apple does to the answers, and to another app's pushes to Google.

    python -m tests.bench.outage [--rate N] [--other-rate N] [--seconds S] [--store sqlite|mongodb] [--down KIND ...]

Apple refuses connections, accepts and never answers, or says 503, for a minute under load; Google stays well. Prints
how long answers took before, during and after, and the ledger.
"""

import argparse
import tempfile
from pathlib import Path
from typing import get_args

import uvloop

from gateway.cli.output import print_table
from tests.crash.ledger import LATENCY_COLUMNS, Latency
from tests.crash.scenarios import Down, Outage, Phases, outage
from tests.crash.site import open_site


def main() -> None:
    """Measure each kind of outage and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=300.0, help="pushes a second to Apple")
    parser.add_argument("--other-rate", type=float, default=100.0, help="pushes a second to Google")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the outage")
    parser.add_argument("--store", choices=("sqlite", "mongodb"), default="sqlite")
    parser.add_argument("--down", choices=get_args(Down), nargs="+", default=get_args(Down))
    given = parser.parse_args()
    for down in given.down:
        with tempfile.TemporaryDirectory() as folder:
            report(down, uvloop.run(measure(Path(folder), given, down)))


async def measure(folder: Path, given: argparse.Namespace, down: Down) -> Outage:
    rates = {"apns": given.rate, "fcm": given.other_rate}
    async with open_site(folder, given.store) as site:
        return await outage(site, rates, down, Phases(before=10, during=given.seconds, after=10))


def report(down: Down, seen: Outage) -> None:
    latencies = [
        (phase, name, *Latency.of(one for one in answers if one.push.provider == provider).cells())
        for phase, answers in seen.answers.items()
        for provider, name in (("apns", "Apple, down"), ("fcm", "Google, well"))
    ]
    print_table(("phase", "pushes to", *LATENCY_COLUMNS), latencies, f"Apple down: {down}")
    print_table(("", "pushes"), [*seen.findings.rows(), ("seconds until the outbox was empty", f"{seen.settled:.1f}")])


if __name__ == "__main__":
    main()
