"""Processes are killed at random instants under load: nothing that was answered 2xx may be lost."""

import os
from pathlib import Path
from random import Random

import pytest

from tests.crash.scenarios import gateways_killed, one_dies, store_killed
from tests.crash.site import open_site
from tests.servers.mongo import lacks

pytestmark = pytest.mark.timeout(240)
needs_mongo = pytest.mark.skipif(
    lacks() is not None and "CI" not in os.environ, reason="no MongoDB server can be started"
)


async def test_a_gateway_killed_twenty_times_loses_nothing(tmp_path: Path, rate: float, chance: Random) -> None:
    async with open_site(tmp_path, "sqlite") as site:
        findings = await gateways_killed(site, rate, 20, chance)
    assert findings.owed
    assert findings.faults() == []


@needs_mongo
async def test_one_of_two_gateways_dies_and_the_other_finishes(tmp_path: Path, rate: float, chance: Random) -> None:
    async with open_site(tmp_path, "mongodb", gateways=2) as site:
        findings = await one_dies(site, rate, chance)
    assert findings.owed
    assert findings.faults() == []


@needs_mongo
async def test_a_store_killed_and_started_again_loses_nothing(tmp_path: Path, rate: float, chance: Random) -> None:
    async with open_site(tmp_path, "mongodb") as site:
        findings = await store_killed(site, rate, 4, chance)
    assert findings.owed
    assert findings.faults() == []
