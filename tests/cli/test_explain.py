"""`push-gateway explain`: why a phone stayed silent."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Ended, push_gateway
from tests.cli.test_usage import fill

BUSY: dict[str, Any] = {
    "receiver": {"id": "bob", "status": "busy", "preferences": {"muteGroupMentions": True}},
    "room": {"id": "GENERAL", "type": "c", "memberCount": 300},
    "message": {
        "id": "m1",
        "sender": "alice",
        "mentions": {"here": True},
        "text": "private words",
        "payload": {"a": 1},
    },
}


async def explains(folder: Path, document: object, *arguments: str) -> Ended:
    path = folder / "case.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return await push_gateway("explain", path.name, *arguments, folder=folder)


async def test_every_rule_is_told_with_its_verdict_and_a_sentence(tmp_path: Path) -> None:
    ended = await explains(tmp_path, BUSY)
    assert ended.code == 0, ended.err
    assert "bob: skipped, group_mentions_disabled" in ended.out
    (row,) = [line for line in ended.out.splitlines() if "receiver_busy" in line]
    assert "stops" in row
    assert "The receiver's status is Busy." in row
    assert "private" not in ended.out
    assert not (tmp_path / "data").exists()


async def test_for_programs_all_reasons_are_named_the_deciding_one_first(tmp_path: Path) -> None:
    (explanation,) = (await explains(tmp_path, BUSY, "--json")).json
    assert explanation["decision"] == "skipped"
    assert explanation["reasons"] == ["group_mentions_disabled", "receiver_busy", "room_too_large"]
    assert explanation["dueIn"] is None
    assert {finding["verdict"] for finding in explanation["rules"]} == {"passes", "stops", "off"}


async def test_of_many_receivers_each_is_told_when(tmp_path: Path) -> None:
    receivers = [{"id": "here", "status": "online"}, {"id": "[red]gone", "status": "offline"}]
    document = {**BUSY, "receivers": receivers, "room": {"id": "GENERAL"}}
    del document["receiver"]
    out = (await explains(tmp_path, document)).out
    assert "here: scheduled, in 120 s unless it is read before" in out
    assert "[red]gone: sent at once" in out


async def test_a_workspaces_own_rules_are_asked(tmp_path: Path) -> None:
    await fill(tmp_path, ())
    off = (f"--rule={rule}=off" for rule in ("group_mentions_disabled", "receiver_busy"))
    assert (await push_gateway("workspace", "update", "acme", *off, "--member-limit=0", folder=tmp_path)).code == 0
    (explanation,) = (await explains(tmp_path, BUSY, "--workspace", "acme", "--json")).json
    assert (explanation["decision"], explanation["reasons"]) == ("scheduled", [])
    ended = await explains(tmp_path, BUSY, "--workspace", "nobody")
    assert ended.code == 1
    assert "there is no workspace 'nobody'" in ended.err


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("no JSON", "case.json: "),
        (
            {**BUSY, "receiver": {"id": "bob", "status": "asleep"}},
            "Invalid enum value 'asleep' - at `$.receiver.status`",
        ),
        ({**BUSY, "receiver": {"id": "bob", "awaySince": "2026-11-25T12:00:00"}}, "at `$.receiver.awaySince`"),
        ({**BUSY, "receivers": [{"id": "x"}]}, "receiver: expected one receiver, or a list of them as receivers"),
        ({**BUSY, "receivers": [{"id": "x"}] * 501}, "at `$.receivers`"),
        ({**BUSY, "rooms": {}}, "unknown field `rooms`"),
        ({"receiver": {"id": "bob"}}, "missing required field `room`"),
    ],
)
async def test_what_cannot_be_read_is_named(tmp_path: Path, document: object, words: str) -> None:
    ended = await explains(tmp_path, document)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert ended.err.count("\n") == 1
