"""What kills cost: pushes answered 2xx, against what arrived.

    python -m tests.bench.crash [--rate N] [--kills N] [--store sqlite|mongodb] [--gateways N] [--target gateway|store]

The load goes on at its rate while the simulated Apple and Google refuse half of all pushes, and a gateway, or the
store's server, is killed at random instants and started again. Prints the ledger. `--seed` repeats the instants.
"""

import argparse
import random
import secrets
import tempfile
from pathlib import Path

import uvloop

from gateway.cli.output import print_table
from tests.crash.ledger import Findings
from tests.crash.scenarios import gateways_killed, store_killed
from tests.crash.site import open_site


def main() -> None:
    """Kill, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--store", choices=("sqlite", "mongodb"), default="sqlite")
    parser.add_argument("--gateways", type=int, default=1)
    parser.add_argument("--target", choices=("gateway", "store"), default="gateway")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        findings = uvloop.run(crash(Path(folder), given))
    title = f"{given.kills} kills at {given.rate:g} pushes/s, {given.store}, --seed {given.seed}"
    print_table(("", "pushes"), findings.rows(), title)


async def crash(folder: Path, given: argparse.Namespace) -> Findings:
    scenario = gateways_killed if given.target == "gateway" else store_killed
    async with open_site(folder, given.store, given.gateways) as site:
        return await scenario(site, given.rate, given.kills, random.Random(given.seed))  # noqa: S311 - no secret


if __name__ == "__main__":
    main()
