"""The registering commands, as an operator types them."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.model.workspace import FIXED_TEXT
from tests.cli.process import Ended, push_gateway


@pytest.fixture
def keys(identity: Path) -> dict[str, Path]:
    return {
        "apns": identity / "AuthKey_SIMKEY0001.p8",
        "certificate": identity / "apns-certificate.pem",
        "fcm": identity / "service-account.json",
    }


class Operator:
    """Somebody who types commands in a folder."""

    def __init__(self, folder: Path, keys: dict[str, Path]) -> None:
        self.folder = folder
        self.keys = keys

    async def types(self, *arguments: str | Path, **env: str) -> Ended:
        return await push_gateway(*arguments, folder=self.folder, env=env)

    async def gets(self, *arguments: str | Path, **env: str) -> Any:
        ended = await self.types(*arguments, "--json", **env)
        assert ended.code == 0, ended.err
        return json.loads(ended.out)

    async def adds_app(self, name: str = "app") -> Any:
        ids = ("--apns-key-id", "SIMKEY0001", "--apns-team-id", "SIMTEAM001", "--apns-topic", "com.example.chat")
        return await self.gets("app", "add", name, "--apns-key", self.keys["apns"], *ids)


@pytest.fixture
def operator(tmp_path: Path, keys: dict[str, Path]) -> Operator:
    return Operator(tmp_path, keys)


async def test_an_app_from_its_adding_to_its_removal(operator: Operator) -> None:
    added = await operator.adds_app()
    assert (added["name"], added["apns_topics"], added["apns_key_id"]) == ("app", ["com.example.chat"], "SIMKEY0001")
    updated = await operator.gets("app", "update", "app", "--fcm-service-account", operator.keys["fcm"])
    assert updated["fcm_project_id"] == "sim-project"
    assert updated["apns_topics"] == ["com.example.chat"]
    changed = await operator.gets(
        "app", "update", "app", "--apns-topic", "com.example.new", "--apns-environment", "auto"
    )
    assert (changed["apns_topics"], changed["apns_environment"]) == (["com.example.new"], "auto")
    certified = await operator.gets("app", "update", "app", "--apns-certificate", operator.keys["certificate"])
    assert certified["apns_credentials"] == "certificate"
    assert certified["apns_topics"] == ["chat.rocket.ios"]
    listed = certified | {"troubles": []}
    assert await operator.gets("app", "list") == [listed] == [await operator.gets("app", "show", "app")]
    assert "chat.rocket.ios" in (await operator.types("app", "list")).out
    assert (await operator.types("app", "show", "app")).code == 0
    assert (await operator.types("app", "remove", "app")).code == 0
    assert await operator.gets("app", "list") == []


async def test_a_workspace_from_its_adding_to_its_removal(operator: Operator) -> None:
    await operator.adds_app()
    added = await operator.gets(
        "workspace", "add", "acme", "--app", "app", "--unique-id", "U1", "--allow-from", "10.0.0.0/8"
    )
    assert added.keys() == {"id", "name", "secret", "push_gateway_url"}
    assert added["push_gateway_url"] == f"http://127.0.0.1:8080/w/{added['secret']}"
    shown = await operator.gets("workspace", "show", "acme")
    assert (shown["apps"], shown["unique_id"], shown["allow_from"]) == (["app"], "U1", ["10.0.0.0/8"])
    assert added["secret"] not in json.dumps(shown)
    rotated = await operator.gets("workspace", "rotate", "acme", "--grace", "24")
    assert rotated["secret"] != added["secret"]
    assert (await operator.gets("workspace", "suspend", "acme"))["suspended"] is True
    assert (await operator.gets("workspace", "resume", "acme"))["suspended"] is False
    changed = await operator.gets("workspace", "update", "acme", "--unique-id", "", "--allow-from-anywhere")
    assert (changed["unique_id"], changed["allow_from"]) == (None, [])
    assert [one["name"] for one in await operator.gets("workspace", "list")] == ["acme"]
    assert "acme" in (await operator.types("workspace", "list")).out
    assert (await operator.types("app", "remove", "app")).code == 1
    assert (await operator.types("workspace", "remove", "acme")).code == 0


async def test_what_a_workspace_differs_in_is_set_shown_and_taken_back(operator: Operator) -> None:
    await operator.adds_app()
    traits = ("--content", "id-only", "--text", "Neue Nachricht", "--forward", "--rate", "2.5", "--outbox", "0")
    await operator.gets("workspace", "add", "acme", "--app", "app", *traits)
    shown = await operator.gets("workspace", "show", "acme")
    assert (shown["content"], shown["fixed_text"], shown["forward"]) == ("id-only", "Neue Nachricht", True)
    assert shown["limits"] == {"rate": 2.5, "outbox": 0}
    assert shown["rules"] == {"off": ["always_mobile_off"], "member_limit": 100, "online_delay": 120.0}
    table = (await operator.types("workspace", "list")).out
    assert "id-only" in table
    back = ("--content", "full", "--text", "", "--no-forward", "--rate", "default", "--per-month", "1000")
    changed = await operator.gets("workspace", "update", "acme", *back)
    assert (changed["content"], changed["fixed_text"], changed["forward"]) == ("full", FIXED_TEXT, False)
    assert changed["limits"] == {"per_month": 1000, "outbox": 0}
    rules = ("--rule", "receiver_busy=off", "--rule", "always_mobile_off=on", "--member-limit", "0")
    changed = await operator.gets("workspace", "update", "acme", *rules, "--online-delay", "30")
    assert changed["rules"] == {"off": ["receiver_busy"], "member_limit": 0, "online_delay": 30.0}
    assert changed["limits"] == {"per_month": 1000, "outbox": 0}


async def test_an_apps_limits_are_set_shown_and_taken_back(operator: Operator) -> None:
    fcm = ("--fcm-service-account", operator.keys["fcm"])
    added = await operator.gets("app", "add", "app", *fcm, "--burst", "7", "--in-flight", "3")
    assert added["limits"] == {"burst": 7, "in_flight": 3}
    assert (await operator.gets("app", "update", "app", "--burst", "default"))["limits"] == {"in_flight": 3}


async def test_apps_and_workspaces_are_put_on_hold_and_resumed(operator: Operator) -> None:
    await operator.adds_app()
    await operator.gets("workspace", "add", "acme", "--app", "app")
    assert (await operator.gets("app", "hold", "app"))["held"] is True
    assert (await operator.gets("app", "resume", "app"))["held"] is False
    assert (await operator.gets("workspace", "hold", "acme"))["held"] is True
    await operator.gets("workspace", "suspend", "acme")
    resumed = await operator.gets("workspace", "resume", "acme")
    assert (resumed["held"], resumed["suspended"]) == (False, False)


async def test_a_new_workspace_is_told_all_it_needs(operator: Operator) -> None:
    await operator.adds_app()
    ended = await operator.types(
        "workspace", "add", "acme", "--app", "app", PUSH_GATEWAY_SERVER__PUBLIC_URL="https://push.example.com/"
    )
    assert "https://push.example.com/w/" in ended.out
    for setting in ("Push_enable", "Push_enable_gateway", "Register_Server", "Cloud_Service_Agree_PrivacyTerms"):
        assert f"OVERWRITE_SETTING_{setting}=true" in ended.out
    assert "OVERWRITE_SETTING_Push_gateway=https://push.example.com/w/" in ended.out
    assert ended.err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["app", "show", "nobody"], 1, "there is no app 'nobody'; there is none yet"),
        (["workspace", "show", "nobody"], 1, "there is no workspace 'nobody'"),
        (["workspace", "add", "acme", "--app", "nobody"], 1, "there is no app 'nobody'"),
        (["app", "add", "app"], 2, "give credentials"),
        (["app", "add", "app", "--apns-key", "missing.p8"], 2, "missing.p8"),
        (["workspace", "add", "acme"], 2, "--app"),
        (["workspace", "add", "acme", "--app", "a", "--allow-from", "everywhere"], 2, "Expected a range"),
        (["workspace", "add", "acme", "--app", "a", "--rate", "fast"], 2, 'expected a number, or "default"'),
        (["workspace", "add", "acme", "--app", "a", "--text", "a: b"], 2, "fixed_text: it cannot have a colon"),
        (["workspace", "add", "acme", "--app", "a", "--content", "none"], 2, "'full', 'generic', 'id-only'"),
        (["workspace", "hold", "nobody"], 1, "there is no workspace 'nobody'"),
        (["app", "hold", "nobody"], 1, "there is no app 'nobody'"),
        (
            ["workspace", "add", "acme", "--app", "a", "--rate", "-1"],
            2,
            "limits.rate: expected 0 to 1000000000000, got",
        ),
        (["workspace", "add", "acme", "--app", "a", "--burst", "9" * 25], 2, "limits.burst: expected 0 to"),
        (
            ["workspace", "add", "acme", "--app", "a", "--text", "a\nb"],
            2,
            "fixed_text: expected one line of at most 200",
        ),
        (["workspace", "add", "acme", "--app", "a", "--text", "New:"], 2, "fixed_text: it cannot have a colon"),
        (["serve", "--listen", "nowhere"], 2, "Expected HOST:PORT"),
        (["--config", "missing.toml", "app", "list"], 2, "missing.toml: cannot read"),
        (["frobnicate"], 2, "No such command"),
    ],
)
async def test_what_is_wrong_is_said_in_one_line(
    operator: Operator, arguments: list[str], code: int, words: str
) -> None:
    ended = await operator.types(*arguments)
    assert ended.code == code
    assert words in ended.err
    assert "Traceback" not in ended.err


async def test_a_wrong_key_file_is_refused_with_what_it_is(operator: Operator) -> None:
    swapped = await operator.types("app", "add", "app", "--fcm-service-account", operator.keys["apns"])
    assert swapped.code == 2
    assert "is a private key; wanted a service account's JSON key" in swapped.err
    half = await operator.types("app", "add", "app", "--apns-key", operator.keys["apns"])
    assert "--apns-key needs --apns-key-id and --apns-team-id" in half.err
    both = await operator.types(
        "app", "add", "a", "--apns-key", operator.keys["apns"], "--apns-certificate", operator.keys["certificate"]
    )
    assert "not both" in both.err
    assert (await operator.types("app", "add", "fcm", "--fcm-service-account", operator.keys["fcm"])).code == 0
    none = await operator.types("app", "update", "fcm", "--apns-topic", "com.example")
    assert "no Apple credentials yet" in none.err


async def test_a_wrong_setting_names_its_line(operator: Operator) -> None:
    (operator.folder / "bad.toml").write_text("[server]\nlisten = 8080\n")
    ended = await operator.types("--config", "bad.toml", "app", "list")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "bad.toml, line 2: server.listen" in ended.err


@pytest.mark.parametrize("command", [["serve"], ["send", "--workspace", "w", "--platform", "gcm", "--token", "t"]])
async def test_a_missing_ca_file_is_one_clear_line(operator: Operator, command: list[str]) -> None:
    ended = await operator.types(*command, PUSH_GATEWAY_PROVIDERS__CA_FILE="missing.pem")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "providers.ca_file: cannot use missing.pem: No such file or directory" in ended.err


async def test_a_folder_that_cannot_be_made_is_one_clear_line(operator: Operator) -> None:
    (operator.folder / "file").touch()
    ended = await operator.types("simulate", "--data", "file/folder", "--control-listen", "127.0.0.1:0")
    assert ended.code == 1
    assert "Traceback" not in ended.err


async def test_a_store_under_other_keys_is_one_clear_line(operator: Operator) -> None:
    await operator.adds_app()
    (operator.folder / "data" / "encryption.keys").unlink()
    ended = await operator.types("app", "list")
    assert ended.code == 2
    assert "encryption.keys is missing" in ended.err


@pytest.mark.parametrize(
    "command",
    [[], ["serve"], ["demo"], ["simulate"], ["app"], ["app", "add"], ["workspace", "add"], ["send"], ["deliveries"]],
)
async def test_every_command_explains_itself(operator: Operator, command: list[str]) -> None:
    ended = await operator.types(*command, "--help")
    assert ended.code == 0
    assert "Usage: push-gateway" in ended.out
