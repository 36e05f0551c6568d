"""`push-gateway deliveries`, as an administrator types it at night."""

import json
import signal
import time
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from gateway.store.local_keys import local_vault
from gateway.store.sqlite import SqliteStore
from tests.cli.process import Ended, push_gateway, serving
from tests.store.log import delivered

NOW = time.time()
DEVICE = "0123456789abcdef" * 4
OLD = delivered("old", at=NOW - 72_000.0, device="f" * 64)
DEAD = delivered(
    "dead",
    at=NOW - 7200.0,
    device=DEVICE,
    outcome="token_dead",
    reason="apns_unregistered",
    provider_status=410,
    provider_words="Unregistered",
    provider_id="APPLES-ID",
)
BROKEN = delivered(
    "broken",
    at=NOW - 60.0,
    workspace="example",
    app=None,
    kind=None,
    device=None,
    outcome="rejected",
    reason="invalid_json",
    provider_status=None,
    attempts=0,
)
LOG = (OLD, DEAD, BROKEN)


async def open_log(folder: Path) -> SqliteStore:
    """Open the store that the commands use in a folder."""
    return await SqliteStore.open(folder / "data" / "gateway.db", lambda is_new: local_vault(folder / "data", is_new))


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Where the commands find a log."""
    store = await open_log(tmp_path)
    await store.add(LOG)
    await store.close()
    return tmp_path


async def types(folder: Path, *arguments: str) -> Ended:
    return await push_gateway("deliveries", *arguments, folder=folder)


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ("", ["broken", "dead", "old"]),
        ("--workspace example", ["broken"]),
        ("--app chat", ["dead", "old"]),
        ("--device 0123456789ab", ["dead"]),
        (f"--device {DEVICE}", ["dead"]),
        ("--outcome rejected", ["broken"]),
        ("--reason apns_unregistered", ["dead"]),
        ("--since 10h", ["broken", "dead"]),
        ("--since 1h", ["broken"]),
        ("--since 0.5s", []),
        ("--since 1d --limit 2", ["broken", "dead"]),
    ],
)
async def test_the_options_say_which(folder: Path, options: str, ids: list[str]) -> None:
    ended = await types(folder, "--json", *options.split())
    assert ended.code == 0, ended.err
    assert [one["id"] for one in ended.json] == ids


async def test_json_has_every_field(folder: Path) -> None:
    (dead,) = (await types(folder, "--json", "--reason", "apns_unregistered")).json
    assert datetime.fromisoformat(dead.pop("at")).timestamp() == pytest.approx(DEAD.at, abs=0.001)
    assert dead == {
        "id": "dead",
        "workspace": "acme",
        "app": "chat",
        "platform": "apn",
        "kind": "message",
        "device": DEVICE,
        "outcome": "token_dead",
        "reason": "apns_unregistered",
        "provider_status": 410,
        "provider_words": "Unregistered",
        "provider_id": "APPLES-ID",
        "attempts": 1,
        "ms": 12.5,
        "key": None,
    }


async def test_the_table_shows_what_helps_at_night(folder: Path) -> None:
    ended = await types(folder)
    assert ended.code == 0, ended.err
    rows = [line for line in ended.out.splitlines() if "│" in line]
    assert ["invalid_json" in row for row in rows] == [True, False, False]
    at = datetime.fromtimestamp(DEAD.at).isoformat(timespec="seconds")
    for words in (
        at,
        "acme",
        "chat",
        "apn",
        "message",
        "token_dead",
        "410 Unregistered",
        "12.5",
        " 0123456789ab ",
        "dead",
    ):
        assert words in rows[1]


async def test_following_shows_the_newest_oldest_first_and_then_what_comes_until_ctrl_c(folder: Path) -> None:
    store = await open_log(folder)
    async with serving("deliveries", "--follow", "--json", "--limit", "2", folder=folder) as process:
        await process.line_with('"broken"')
        now = time.time()
        await store.add([delivered("new", at=now)])
        await process.line_with('"new"')
        await store.add([delivered("late", at=now - 5.0), delivered("newer", at=now + 1.0)])
        await process.line_with('"newer"')
        process.process.send_signal(signal.SIGINT)
        assert await process.ended() == 0
    assert [json.loads(line)["id"] for line in process.lines] == ["dead", "broken", "new", "late", "newer"]
    await store.close()


async def test_following_an_empty_log_waits_for_the_first_that_is_wanted(tmp_path: Path) -> None:
    store = await open_log(tmp_path)
    async with serving("deliveries", "--follow", "--workspace", "example", folder=tmp_path) as process:
        soon = time.time() + 60.0  # also after the start of a slow machine's process
        await store.add([delivered("other", at=soon), msgspec.structs.replace(BROKEN, at=soon)])
        line = await process.line_with("example")
        process.process.send_signal(signal.SIGTERM)
        assert await process.ended() == 0
    assert "  rejected  invalid_json  -  12.5  -  broken" in line.string
    assert not any("acme" in line for line in process.lines)
    await store.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--since yesterday", "'yesterday' is not a duration such as 90s, 15m, 1h or 7d"),
        ("--since 5", "'5' is not a duration"),
        ("--device XYZ", "expected the digits that a log line shows as `device`"),
        (
            "--outcome lost",
            "'lost' is not one of 'delivered', 'duplicate', 'token_dead', 'rejected'",
        ),
        ("--reason apns_bad_topc", "there is no reason code 'apns_bad_topc'; see apns_bad_topic"),
        ("--reason x", "there is no reason code 'x'; see docs/reference/reason-codes.md"),
        ("--limit 0", "0 is not in the range"),
    ],
)
async def test_a_wrong_value_is_one_clear_line(folder: Path, options: str, words: str) -> None:
    ended = await types(folder, *options.split())
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err.splitlines()[-1]
