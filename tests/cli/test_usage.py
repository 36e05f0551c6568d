"""`push-gateway usage`, as whoever pays or asks for it types it."""

import csv
import time
from pathlib import Path

import pytest

from gateway.model.limits import Limits
from gateway.model.usage import month_of
from gateway.model.workspace import Workspace
from gateway.store.local_keys import local_vault
from gateway.store.sqlite import SqliteStore
from tests.cli.process import Ended, push_gateway
from tests.store.used import used

NOVEMBER = (
    used("acme", 70),
    used("acme", 10, app="other", outcome="stored"),
    used("acme", 3, outcome="later"),
    used("gone", 5, outcome="token_dead"),
    used("acme", 9, month="2026-12"),
)
LIMIT = {"PUSH_GATEWAY_LIMITS__WORKSPACE_PER_MONTH": "1000"}


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Where the commands find counts, a workspace with a quota of its own, and one without."""
    folder = tmp_path / "data"
    store = await SqliteStore.open(folder / "gateway.db", lambda is_new: local_vault(folder, is_new))
    own = Limits(per_month=100)
    await store.put_workspace(Workspace(id="1", name="acme", apps=(), secrets=(), limits=own))
    await store.put_workspace(Workspace(id="2", name="idle", apps=(), secrets=()))
    await store.usage.count(NOVEMBER)
    await store.close()
    return tmp_path


async def types(folder: Path, *arguments: str, **env: str) -> Ended:
    return await push_gateway("usage", *arguments, folder=folder, env=env)


async def test_a_month_is_shown_by_workspace_with_the_quota_and_its_share(folder: Path) -> None:
    ended = await types(folder, "--month", "2026-11")
    assert ended.code == 0, ended.err
    assert "2026-11" in ended.out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in ended.out.splitlines() if "│" in line]
    assert rows == [
        ["acme", "80", "100", "80%", "70", "10", "0", "0", "0", "3", "0"],
        ["gone", "0", "", "", "0", "0", "0", "5", "0", "0", "0"],
        ["idle", "0", "", "", "0", "0", "0", "0", "0", "0", "0"],
    ]


async def test_csv_has_a_row_a_workspace_and_names_the_month(folder: Path) -> None:
    ended = await types(folder, "--month", "2026-11", "--csv", **LIMIT)
    rows = list(csv.DictReader(ended.out.splitlines()))
    assert [(row["month"], row["workspace"], row["taken"], row["quota"]) for row in rows] == [
        ("2026-11", "acme", "80", "100"),
        ("2026-11", "gone", "0", ""),
        ("2026-11", "idle", "0", "1000"),
    ]
    assert rows[0]["later"] == "3"


async def test_json_has_all_of_it(folder: Path) -> None:
    document = (await types(folder, "--month", "2026-12", "--json")).json
    assert document["month"] == "2026-12"
    assert document["workspaces"][0] == {
        "workspace": "acme",
        "taken": 9,
        "quota": 100,
        "outcomes": {"delivered": 9},
    }


async def test_without_a_month_it_is_the_present_one(folder: Path) -> None:
    before = month_of(time.time())
    assert (await types(folder, "--json")).json["month"] in {before, month_of(time.time())}


@pytest.mark.parametrize("month", ["2026", "2026-13", "2026-00", "11-2026", "november", "2026-11-01"])
async def test_what_is_no_month_is_said_in_one_line(folder: Path, month: str) -> None:
    ended = await types(folder, "--month", month)
    assert ended.code == 2
    assert f"expected a month such as 2026-11, got {month!r}" in ended.err
    assert "Traceback" not in ended.err


async def test_two_formats_at_once_are_refused(folder: Path) -> None:
    ended = await types(folder, "--csv", "--json")
    assert ended.code == 2
    assert "--csv" in ended.err
