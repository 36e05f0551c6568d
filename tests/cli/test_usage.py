"""`push-gateway usage`: what each workspace has sent in a month."""

import csv
import io
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.delivery.registry import Registry
from gateway.model.app import FcmCredentials
from gateway.model.clock import SystemClock
from gateway.model.limits import Limits
from gateway.model.usage import Usage, month_of
from gateway.store.local_keys import local_vault
from gateway.store.sqlite import SqliteStore
from tests.cli.process import Ended, push_gateway

ACCOUNT = FcmCredentials(project_id="p", client_email="e", service_account="{}", fingerprint="f")


def used(month: str, outcome: str, count: int, workspace: str = "acme") -> Usage:
    return Usage(month=month, workspace=workspace, app="chat", outcome=outcome, count=count)


THIS_MONTH = month_of(time.time())
COUNTS = (
    used(THIS_MONTH, "delivered", 70),
    used(THIS_MONTH, "stored", 5),
    used(THIS_MONTH, "later", 3),
    used("2026-01", "delivered", 9),
    used("2026-01", "rejected", 2, workspace="gone"),
)


async def fill(folder: Path, counts: Sequence[Usage]) -> None:
    store = await SqliteStore.open(folder / "data" / "gateway.db", lambda is_new: local_vault(folder / "data", is_new))
    registry = Registry(store, store.vault, SystemClock())
    await registry.add_app("chat", None, ACCOUNT)
    await registry.add_workspace("acme", ("chat",), limits=Limits(per_month=100))
    await registry.add_workspace("quiet", ("chat",))
    await store.usage.count(counts)
    await store.close()


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    await fill(tmp_path, COUNTS)
    return tmp_path


async def types(folder: Path, *arguments: str) -> Ended:
    return await push_gateway("usage", *arguments, folder=folder)


async def of_month(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    return json.loads((await types(folder, "--json", *arguments)).out)["workspaces"]


async def test_this_month_is_shown_with_quotas_and_what_was_taken(folder: Path) -> None:
    acme, quiet = await of_month(folder)
    assert (acme["workspace"], acme["taken"], acme["quota"]) == ("acme", 75, 100)
    assert acme["outcomes"] == {"delivered": 70, "stored": 5, "later": 3}
    assert (quiet["workspace"], quiet["taken"], quiet["quota"]) == ("quiet", 0, None)
    table = (await types(folder)).out
    assert f"Pushes in {THIS_MONTH} (UTC)" in table
    assert "75%" in table


async def test_another_month_has_those_that_are_gone_too(folder: Path) -> None:
    counts = {row["workspace"]: row["outcomes"] for row in await of_month(folder, "--month", "2026-01")}
    assert counts == {"acme": {"delivered": 9}, "gone": {"rejected": 2}, "quiet": {}}


async def test_csv_is_for_a_spreadsheet(folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((await types(folder, "--csv")).out)))
    assert [(row["month"], row["workspace"], row["taken"], row["later"]) for row in rows] == [
        (THIS_MONTH, "acme", "75", "3"),
        (THIS_MONTH, "quiet", "0", "0"),
    ]


@pytest.mark.parametrize("month", ["november", "2026-13", "2026-1"])
async def test_a_month_that_is_none_is_refused(folder: Path, month: str) -> None:
    ended = await types(folder, "--month", month)
    assert ended.code == 2
    assert f"expected a month such as 2026-11, got {month!r}" in ended.err
