"""Apple is down for a while under load: everything is answered 2xx, and delivered afterwards in order."""

from pathlib import Path
from typing import get_args

import pytest

from tests.crash.scenarios import Down, Phases, outage
from tests.crash.site import open_site

PHASES = Phases(before=1, during=6, after=1)

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("down", get_args(Down))
async def test_an_outage_of_one_provider_loses_nothing_and_keeps_the_order(
    tmp_path: Path, rate: float, down: Down
) -> None:
    async with open_site(tmp_path, "sqlite") as site:
        seen = await outage(site, {"apns": rate / 2, "fcm": rate / 5}, down, PHASES)
    assert seen.findings.faults(in_order=True) == []
    assert seen.findings.owed == seen.findings.sent
