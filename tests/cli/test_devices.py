"""`push-gateway device ...`, as an administrator types it at night."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.model.device import Device, DeviceQuery
from gateway.store.local_keys import local_vault
from gateway.store.sqlite import SqliteStore
from tests.cli.process import Ended, push_gateway
from tests.sightings import TOKEN, known

NOW = float(round(time.time()))
LIVING = known(
    "ab12" + "0" * 60,
    app="chat",
    environment="production",
    workspaces=("acme", "example"),
    last_seen=NOW,
    last_success=NOW - 1.0,
)
DEAD = known(
    "ab34" + "0" * 60,
    app="chat",
    workspaces=("acme",),
    last_seen=NOW - 60.0,
    refused_at=NOW - 60.0,
    dead_since=NOW - 3600.0,
    dead_reason="apns_unregistered",
)
ANDROID = known("cd56" + "0" * 60, platform="gcm", app="beta", workspaces=("example",), last_seen=NOW - 120.0)


async def open_registry(folder: Path) -> SqliteStore:
    """Open the store that the commands use in a folder."""
    return await SqliteStore.open(folder / "data" / "gateway.db", lambda is_new: local_vault(folder / "data", is_new))


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Where the commands find devices."""
    store = await open_registry(tmp_path)
    await store.add([LIVING, DEAD, ANDROID])
    await store.close()
    return tmp_path


async def types(folder: Path, *arguments: str, answers: str | None = None) -> Ended:
    ended = await push_gateway("device", *arguments, folder=folder, answers=answers)
    assert TOKEN.reveal() not in ended.out + ended.err
    return ended


async def registered(folder: Path) -> list[Device]:
    store = await open_registry(folder)
    devices = await store.devices.find(DeviceQuery(), None, 9)
    await store.close()
    return devices


@pytest.mark.parametrize(
    ("options", "devices"),
    [
        ("", [LIVING, DEAD, ANDROID]),
        ("--workspace example", [LIVING, ANDROID]),
        ("--app beta", [ANDROID]),
        ("--platform apn", [LIVING, DEAD]),
        ("--dead", [DEAD]),
        ("--limit 2", [LIVING, DEAD]),
        ("--workspace nobody", []),
    ],
)
async def test_the_options_say_which(folder: Path, options: str, devices: list[Device]) -> None:
    ended = await types(folder, "list", "--json", *options.split())
    assert ended.code == 0, ended.err
    assert [one["device"] for one in ended.json] == [device.id for device in devices]


async def test_the_table_shows_what_helps_at_night(folder: Path) -> None:
    ended = await types(folder, "list")
    assert ended.code == 0, ended.err
    living, dead, android = [line for line in ended.out.splitlines() if "│" in line]
    for words in (" ab1200000000 ", "apn", "chat", "production", "acme, example", local(NOW), local(NOW - 1.0)):
        assert words in living
    for words in (" ab3400000000 ", local(NOW - 3600.0), "apns_unregistered"):
        assert words in dead
    assert "gcm" in android


def local(at: float) -> str:
    return datetime.fromtimestamp(at).isoformat(timespec="seconds")


def utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


async def test_json_has_every_field_but_the_token(folder: Path) -> None:
    assert (await types(folder, "show", "ab34", "--json")).json == {
        "device": DEAD.id,
        "platform": "apn",
        "app": "chat",
        "environment": None,
        "workspaces": ["acme"],
        "first_seen": utc(1.0),
        "known_since": utc(1.0),
        "last_seen": utc(NOW - 60.0),
        "last_success": None,
        "dead_since": utc(NOW - 3600.0),
        "dead_reason": "apns_unregistered",
        "refused_at": utc(NOW - 60.0),
        "stale_since": None,
        "stale_count": 0,
        "foreign_at": None,
    }


@pytest.mark.parametrize("digits", ["ab12", "ab1200000000", LIVING.id])
async def test_the_first_digits_are_enough_to_show_a_device(folder: Path, digits: str) -> None:
    ended = await types(folder, "show", digits)
    assert ended.code == 0, ended.err
    assert LIVING.id in ended.out
    assert local(NOW) in ended.out
    assert "acme, example" in ended.out


@pytest.mark.parametrize("command", [("show",), ("forget", "--yes")])
@pytest.mark.parametrize(
    ("digits", "code", "words"),
    [
        ("ab", 1, "more than one device begins with ab: ab1200000000, ab3400000000; give more digits"),
        ("ef", 1, "there is no device ef; see `push-gateway device list`"),
        ("XYZ", 2, "expected the digits that a log line shows as `device`"),
    ],
)
async def test_digits_that_name_no_one_device_are_one_clear_line(
    folder: Path, command: tuple[str, ...], digits: str, code: int, words: str
) -> None:
    ended = await types(folder, *command, digits)
    assert (ended.code, ended.out) == (code, "")
    assert words in ended.err.splitlines()[-1]
    assert len(await registered(folder)) == 3


async def test_forgetting_asks_first_and_says_what_it_means(folder: Path) -> None:
    refused = await types(folder, "forget", "ab34", answers="n\n")
    assert refused.code == 1
    assert "Pushes to it go on, and it comes back with one of the next." in refused.out
    assert await registered(folder) == [LIVING, DEAD, ANDROID]
    agreed = await types(folder, "forget", "ab34", answers="y\n")
    assert (agreed.code, agreed.out.splitlines()[-1].endswith("Forgotten: ab3400000000.")) == (0, True)
    assert await registered(folder) == [LIVING, ANDROID]


async def test_forgetting_does_not_ask_who_has_said_yes(folder: Path) -> None:
    ended = await types(folder, "forget", "ab12", "--yes")
    assert (ended.code, ended.out) == (0, "Forgotten: ab1200000000.\n")
    assert await registered(folder) == [DEAD, ANDROID]
