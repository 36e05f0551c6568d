"""`push-gateway usage`, as whoever writes the bills types it."""

import csv
import io
import time
from pathlib import Path

import pytest

from gateway.delivery.registry import Registry
from gateway.model.clock import SystemClock
from gateway.model.limits import Limits
from gateway.model.usage import month_of
from gateway.store.local_keys import local_vault
from gateway.store.sqlite import SqliteStore
from tests.cli.process import Ended, push_gateway
from tests.store.used import used

OCTOBER, NOVEMBER = "2025-10", "2025-11"


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Where the command finds three workspaces, one with a quota of its own, and one that was removed."""
    data = tmp_path / "data"
    store = await SqliteStore.open(data / "gateway.db", lambda is_new: local_vault(data, is_new))
    registry = Registry(store, store.vault, SystemClock())
    for name in ("acme", "beta", "idle"):
        await registry.add_workspace(name, ())
    await registry.update_workspace("acme", limits=Limits(per_month=10))
    counts = [
        used("acme", 6, month=NOVEMBER),
        used("acme", 1, month=NOVEMBER, app="other"),
        used("acme", 1, month=NOVEMBER, outcome="stored"),
        used("acme", 4, month=NOVEMBER, outcome="duplicate"),
        used("beta", 3, month=NOVEMBER),
        used("beta", 2, month=NOVEMBER, app="", outcome="later"),
        used("gone", 5, month=NOVEMBER, outcome="rejected"),
        used("acme", 70, month=OCTOBER),
        used("beta", 9, month=month_of(time.time())),
    ]
    await store.usage.count(counts)
    await store.close()
    return tmp_path


async def types(folder: Path, *arguments: str, **env: str) -> Ended:
    return await push_gateway("usage", *arguments, folder=folder, env=env)


async def test_a_month_is_told_by_workspace_and_outcome_with_what_counts_against_the_quota(folder: Path) -> None:
    told = (await types(folder, "--month", NOVEMBER, "--json")).json
    assert told["month"] == NOVEMBER
    assert told["workspaces"] == [
        {"workspace": "acme", "taken": 8, "quota": 10, "outcomes": {"delivered": 7, "duplicate": 4, "stored": 1}},
        {"workspace": "beta", "taken": 3, "quota": None, "outcomes": {"delivered": 3, "later": 2}},
        {"workspace": "gone", "taken": 0, "quota": None, "outcomes": {"rejected": 5}},
        {"workspace": "idle", "taken": 0, "quota": None, "outcomes": {}},
    ]


async def test_other_months_are_told_apart(folder: Path) -> None:
    told = (await types(folder, "--month", OCTOBER, "--json")).json
    assert [(row["workspace"], row["taken"]) for row in told["workspaces"]] == [("acme", 70), ("beta", 0), ("idle", 0)]


async def test_csv_has_a_line_for_each_workspace(folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((await types(folder, "--month", NOVEMBER, "--csv")).out)))
    assert [row["workspace"] for row in rows] == ["acme", "beta", "gone", "idle"]
    acme = {name: rows[0][name] for name in ("month", "taken", "quota", "used", "delivered", "stored", "duplicate")}
    assert list(acme.values()) == [NOVEMBER, "8", "10", "80%", "7", "1", "4"]
    assert (rows[1]["quota"], rows[1]["used"], rows[1]["later"]) == ("", "", "2")


async def test_the_quota_of_the_settings_holds_for_who_has_none(folder: Path) -> None:
    ended = await types(folder, "--month", NOVEMBER, "--json", PUSH_GATEWAY_LIMITS__WORKSPACE_PER_MONTH="6")
    assert {row["workspace"]: row["quota"] for row in ended.json["workspaces"]} == {
        "acme": 10,
        "beta": 6,
        "gone": None,
        "idle": 6,
    }


async def test_without_a_month_it_is_the_present_one(folder: Path) -> None:
    ended = await types(folder, "--json")
    assert ended.json["month"] == month_of(time.time())
    assert [row["taken"] for row in ended.json["workspaces"]] == [0, 9, 0]
    assert "Pushes in " + month_of(time.time()) in (await types(folder)).out


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "11-2026", "november", "2026-00"])
async def test_what_is_no_month_is_said_with_an_example(folder: Path, month: str) -> None:
    ended = await types(folder, "--month", month)
    assert (ended.code, ended.out) == (2, "")
    assert "2026-11" in ended.err and month in ended.err
