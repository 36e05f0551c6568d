"""One file that declares everything, as an operator applies it."""

import re
import shutil
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from gateway.cli.declaring import read_declared
from gateway.config import ApnsEntry, AppEntry, FcmEntry, WorkspaceEntry
from gateway.model.app import ApnsEnvironment
from gateway.model.errors import SettingsError
from gateway.model.limits import Limits
from gateway.model.notification_rules import NotificationRules
from tests.cli.process import Ended, push_gateway
from tests.cli.server import served

EXAMPLE = Path(__file__).parents[2] / "deploy" / "set-up.example.toml"
SECRET = "the-secret-of-acme-0123456789"
APPLE = 'key_file = "key.p8"\nkey_id = "SIMKEY0001"\nteam_id = "SIMTEAM001"\ntopics = ["com.example.chat"]\n'
CHAT = f'[apps.chat.apns]\n{APPLE}[apps.chat.fcm]\nservice_account_file = "keys/account.json"\n'
ACME = '[workspaces.acme]\napps = ["chat"]\nsecret_file = "acme.secret"\n'


@pytest.fixture
def folder(identity: Path, tmp_path: Path) -> Path:
    """With the files that declarations name."""
    (tmp_path / "keys").mkdir()
    shutil.copy(identity / "AuthKey_SIMKEY0001.p8", tmp_path / "key.p8")
    shutil.copy(identity / "service-account.json", tmp_path / "keys" / "account.json")
    shutil.copy(identity / "apns-certificate.pem", tmp_path / "certificate.pem")
    (tmp_path / "acme.secret").write_text(f"{SECRET}\n")
    (tmp_path / "short.secret").write_text("hush-hush")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    file = folder / "set-up.toml"
    file.write_text(text)
    return file


async def applies(folder: Path, text: str, *options: str, **env: str) -> Ended:
    return await push_gateway("apply", write(folder, text), *options, folder=folder, env=env)


async def gets(folder: Path, *arguments: str) -> Any:
    ended = await push_gateway(*arguments, "--json", folder=folder)
    assert ended.code == 0, ended.err
    return ended.json


async def test_a_dry_run_prints_what_the_next_run_does_and_the_one_after_does_nothing(folder: Path) -> None:
    dry = await applies(folder, CHAT + ACME, "--dry-run")
    assert (dry.code, await gets(folder, "app", "list")) == (0, [])
    real = await applies(folder, CHAT + ACME)
    assert (real.code, real.out) == (0, dry.out.replace(" A dry run: nothing was done.", ""))
    assert "2 added, 0 changed, 0 removed, 0 unchanged." in real.out
    assert "apns.key: set" in real.out
    assert SECRET not in real.out
    again = await applies(folder, CHAT + ACME)
    assert (again.code, again.out) == (0, "Nothing to change: all 2 are as declared.\n")


async def test_programs_read_what_has_changed_and_what_is_left_alone(folder: Path) -> None:
    await applies(folder, CHAT + ACME)
    app = CHAT.replace("com.example.chat", "com.example.next")
    changed = app + ACME.replace("acme.secret", "next.secret") + 'content = "id-only"\n'
    text = changed + '[workspaces.new]\napps = ["chat"]\n[workspaces.new.limits]\nrate = 5\n'
    (folder / "next.secret").write_text("the-next-secret-of-acme-0123456789")
    document = (await applies(folder, text, "--json", PUSH_GATEWAY_SERVER__PUBLIC_URL="https://push.example.com")).json
    assert [(one["change"], one["what"], one["name"]) for one in document["changes"]] == [
        ("changed", "app", "chat"),
        ("changed", "workspace", "acme"),
        ("added", "workspace", "new"),
    ]
    assert document["changes"][0]["fields"] == [
        {"name": "apns.topics", "old": ["com.example.chat"], "new": ["com.example.next"]}
    ]
    assert document["changes"][1]["fields"] == [
        {"name": "content", "old": "full", "new": "id-only"},
        {"name": "secret", "change": "changed"},
    ]
    (issued,) = document["issued"]
    assert issued["push_gateway_url"] == f"https://push.example.com/w/{issued['secret']}"
    assert (await gets(folder, "workspace", "show", "new"))["limits"] == {"rate": 5.0}
    rest = await applies(folder, changed.replace("id-only", "generic"))
    assert "content: id-only -> generic" in rest.out
    assert "left alone" in rest.out
    assert "0 added, 1 changed, 0 removed, 1 unchanged." in rest.out
    pruned = (await applies(folder, app, "--prune", "--json")).json
    assert [one["name"] for one in pruned["changes"]] == ["acme", "new"]
    assert (pruned["left_alone"], pruned["unchanged"], pruned["dry_run"]) == ([], 1, False)


async def test_a_new_workspace_without_a_secret_is_told_its_url_once(folder: Path) -> None:
    text = CHAT + '[workspaces.acme]\napps = ["chat"]\n'
    dry = await applies(folder, text, "--dry-run")
    assert "secret: a new one" in dry.out
    assert "/w/" not in dry.out
    assert "Push_gateway  http://127.0.0.1:8080/w/" in (await applies(folder, text)).out
    assert "/w/" not in (await applies(folder, text)).out


async def test_nothing_is_written_where_anything_is_wrong(folder: Path) -> None:
    ended = await applies(folder, f'{CHAT}{ACME}[workspaces.late]\napps = ["chess"]\n')
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("\n") == 1
    assert "set-up.toml, line 11: workspaces.late.apps: no app 'chess' is declared; there is chat" in ended.err
    assert await gets(folder, "app", "list") == []


async def test_what_stands_in_the_way_is_told_with_how_far_it_came(folder: Path) -> None:
    assert await gets(folder, "app", "list") == []
    with closing(sqlite3.connect(folder / "data" / "gateway.db", isolation_level=None)) as store:
        store.execute("CREATE TRIGGER full BEFORE INSERT ON workspaces BEGIN SELECT RAISE(ABORT, 'full'); END")
        ended = await applies(folder, CHAT + ACME)
        store.execute("DROP TRIGGER full")
    assert ended.code == 1
    assert "1 added, 0 changed, 0 removed, 0 unchanged." in ended.out
    assert ended.err.startswith("push-gateway: workspace 'acme': ")
    assert ended.err.endswith(". 1 of 2 changes are made; type the command again for the rest\n")
    assert "1 added, 0 changed, 0 removed, 1 unchanged." in (await applies(folder, CHAT + ACME)).out


async def test_an_empty_file_prunes_nothing(folder: Path) -> None:
    await applies(folder, CHAT)
    ended = await applies(folder, "# to be written\n", "--prune")
    assert ended.code == 2
    assert "declares nothing: with --prune everything would be removed" in ended.err
    assert len(await gets(folder, "app", "list")) == 1


async def test_a_running_gateway_follows(tmp_path: Path, simulator: object) -> None:
    (tmp_path / "acme.secret").write_text(SECRET)
    text = '[apps.new.fcm]\nservice_account_file = "data/service-account.json"\n' + ACME.replace("chat", "new")
    async with served(tmp_path) as server, aiohttp.ClientSession() as session:
        url = server.push_url.replace(server.secret, SECRET)
        async with session.post(url, json={}) as answer:
            assert (answer.status, answer.headers["Gateway-Outcome"]) == (401, "workspace_unknown")
        config = tmp_path / "data" / "gateway.toml"
        applied = await push_gateway("--config", config, "apply", write(tmp_path, text), folder=tmp_path)
        assert applied.code == 0, applied.err
        await server.served.line_with('"event":"snapshot_loaded"', times=2)
        async with session.post(url, json={}) as answer:
            assert answer.status == 422


def declared_in(folder: Path, text: str, **environ: str) -> Any:
    return read_declared(write(folder, text), environ)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        declared_in(folder, text)
    assert caught.value.exit_code == 2
    return str(caught.value).removeprefix(f"{folder}/")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[apps.chat]\n", "line 1: apps.chat: expected apns, fcm or both"),
        ("[app.chat]\n", "line 1: app: no such setting; there is apps, workspaces"),
        ("apps = 7\n", "line 1: apps: expected `object`, got `int`"),
        ('[apps."a/b"]\n', "line 1: apps.a/b: the name 'a/b' is not 1 to 64 letters, digits, spaces and . _ @ -"),
        (f'[apps."A b".apns]\n{APPLE}key = "x"\n', "line 6: apps.A b.apns.key: no such setting; there is key_file, "),
        (
            CHAT.replace("SIMKEY0001", "short"),
            "line 3: apps.chat.apns.key_id: expected one of Apple's ids: ten capital letters and digits",
        ),
        (
            CHAT.replace("com.example.chat", "not a topic"),
            "line 5: apps.chat.apns.topics: expected a bundle id such as com.example.chat",
        ),
        (
            CHAT.replace('topics = ["com.example.chat"]\n', ""),
            "line 1: apps.chat.apns: a key needs key_id, team_id and topics",
        ),
        (
            f'[apps.chat.apns]\n{APPLE}environment = "test"\n',
            "line 6: apps.chat.apns.environment: expected one of production, sandbox, auto, got 'test'",
        ),
        (CHAT.replace('"key.p8"', '"nowhere.p8"'), "line 2: apps.chat.apns.key_file: cannot read "),
        (
            CHAT.replace('key_file = "key.p8"', 'key_env = "APPLE_KEY"'),
            "line 2: apps.chat.apns.key_env: the environment has no variable APPLE_KEY",
        ),
        (
            f'[apps.chat.apns]\n{APPLE}key_env = "APPLE_KEY"\n',
            "line 1: apps.chat.apns: expected key_file or key_env, got both",
        ),
        (
            f'[apps.chat.apns]\n{APPLE}certificate_file = "certificate.pem"\n',
            "line 1: apps.chat.apns: expected one of key_file, key_env, certificate_file, certificate_env",
        ),
        (
            '[apps.chat]\napns = {topics = ["com.example.chat"]}\n',
            "line 2: apps.chat.apns: expected one of key_file, key_env, certificate_file, certificate_env",
        ),
        ("[apps.chat.fcm]\n", "line 1: apps.chat.fcm: expected service_account_file or service_account_env"),
        (
            '[apps.chat.fcm]\nservice_account_file = "key.p8"\n',
            "line 1: apps.chat.fcm: {folder}/key.p8 is a private key; wanted a service account's JSON key",
        ),
        (
            '[apps.chat]\nfcm = {service_account_file = "keys/account.json"}\nlimits = {rate = -1}\n',
            "line 3: apps.chat.limits.rate: expected `float` >= 0.0",
        ),
        ("[workspaces.acme]\nforward = true\n", "line 1: workspaces.acme.apps: expected the names of one or more apps"),
        (
            f"{ACME}secret = 'hush-hush'\n",
            "line 4: workspaces.acme.secret: no such setting; there is apps, secret_file",
        ),
        (f'{ACME}secret_env = "X"\n', "line 1: workspaces.acme: expected secret_file or secret_env, got both"),
        (
            ACME.replace("acme.secret", "short.secret"),
            "line 1: workspaces.acme: secret: expected 24 or more letters, digits and . _ ~ -; make one with: python3",
        ),
        (f'{ACME}allow_from = ["everywhere"]\n', "line 4: workspaces.acme.allow_from: expected a range such as"),
        (f'{ACME}content = "none"\n', "line 4: workspaces.acme.content: expected one of full, generic, id-only, got"),
        (
            f'{ACME}fixed_text = "{"x" * 201}"\n',
            "line 1: workspaces.acme: fixed_text: expected one line of at most 200",
        ),
        (f"{ACME}suspended = 1\n", "line 4: workspaces.acme.suspended: expected `bool | null`, got `int`"),
        (f"{ACME}\n[workspaces.acme.limits]\nbursts = 1\n", "line 6: workspaces.acme.limits.bursts: no such setting;"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_key(folder: Path, text: str, message: str) -> None:
    told = refusal(folder, text)
    assert told.startswith(f"set-up.toml, {message.replace('{folder}', str(folder))}")
    assert "\n" not in told
    assert "hush-hush" not in told


def test_an_app_named_twice_counts_once(folder: Path) -> None:
    (acme,) = declared_in(folder, CHAT + ACME.replace('["chat"]', '["chat", "other", "chat"]')).workspaces
    assert acme.traits["apps"] == ("chat", "other")


def test_secrets_may_stand_in_the_environment(folder: Path) -> None:
    text = CHAT.replace('key_file = "key.p8"', 'key_env = "APPLE"') + ACME.replace(
        'file = "acme.secret"', 'env = "ACME"'
    )
    declared = declared_in(folder, text, APPLE=(folder / "key.p8").read_text(), ACME=f" {SECRET} ")
    assert declared.workspaces[0].secret.reveal() == SECRET
    assert declared.apps == declared_in(folder, CHAT).apps


def test_a_certificate_may_lie_apart_from_its_key(folder: Path) -> None:
    together = (folder / "certificate.pem").read_text()
    key = re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----\n", together, re.DOTALL)
    assert key is not None
    (folder / "one.pem").write_text(together.replace(key[0], ""))
    (folder / "other.pem").write_text(key[0])
    apart = '[apps.chat]\napns = {certificate_file = "one.pem", certificate_key_file = "other.pem"}\n'
    (app,) = declared_in(folder, apart).apps
    assert (app.apns.topics, app.apns.environment) == (("chat.rocket.ios",), ApnsEnvironment.PRODUCTION)
    assert declared_in(folder, '[apps.chat]\napns = {certificate_file = "certificate.pem"}\n').apps == (app,)


def keys_in(text: str) -> set[str]:
    """Every key of the example, those in comments too."""
    named = re.findall(r"^(?:# )?(\w+) = ", text, re.MULTILINE) + re.findall(r"# or (\w+)", text)
    return set(named) | set(re.findall(r"^\[\w+\.\w+\.(\w+)\]", text, re.MULTILINE))


def keys_of(*kinds: type[msgspec.Struct]) -> Iterator[str]:
    for kind in kinds:
        yield from (field.name for field in msgspec.structs.fields(kind))


def test_the_example_shows_every_key() -> None:
    assert keys_in(EXAMPLE.read_text()) == set(
        keys_of(AppEntry, ApnsEntry, FcmEntry, WorkspaceEntry, Limits, NotificationRules)
    )


async def test_the_example_can_be_applied(folder: Path) -> None:
    shutil.copy(folder / "key.p8", folder / "AuthKey_ABCDE12345.p8")
    shutil.copy(folder / "keys" / "account.json", folder / "service-account.json")
    (folder / "example.secret").write_text("the-secret-of-example-0123456789")
    ended = await applies(folder, EXAMPLE.read_text(), "--json")
    assert ended.code == 0, ended.err
    assert [one["name"] for one in ended.json["changes"]] == ["chat", "acme", "example"]
    example = await gets(folder, "workspace", "show", "example")
    given = tomllib.loads(EXAMPLE.read_text())["workspaces"]["example"]
    assert example["allow_from"] == ["192.0.2.0/24", "2001:db8::7/128"]
    for key in ("apps", "unique_id", "content", "fixed_text", "forward", "suspended", "limits", "rules"):
        assert example[key] == given[key]
