"""Apple is down for a while under load: everything is answered 2xx, and delivered afterwards in order."""

import asyncio
from pathlib import Path
from typing import get_args

import pytest

from tests.crash.scenarios import Down, Outage, Phases, outage
from tests.crash.site import open_site

KINDS = get_args(Down)
PHASES = Phases(before=1, during=5, after=7)
"""So long afterwards that pushes come in while earlier ones to the same device are being worked off."""


@pytest.mark.timeout(240)
async def test_an_outage_of_any_kind_loses_nothing_and_keeps_the_order(tmp_path: Path, rate: float) -> None:
    seen = await asyncio.gather(*(suffered(tmp_path / down, rate / len(KINDS), down) for down in KINDS))
    findings = {down: one.findings for down, one in zip(KINDS, seen, strict=True)}
    assert {down: found.faults(in_order=True) for down, found in findings.items()} == {down: [] for down in KINDS}
    assert {down: found.sent - found.owed for down, found in findings.items()} == dict.fromkeys(KINDS, 0)


async def suffered(folder: Path, rate: float, down: Down) -> Outage:
    """Suffer it at a site of its own, three fifths of the pushes going to Apple."""
    folder.mkdir()
    async with open_site(folder, "sqlite") as site:
        return await outage(site, {"apns": rate * 0.6, "fcm": rate * 0.4}, down, PHASES)
