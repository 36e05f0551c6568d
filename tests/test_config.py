"""Settings: the file, the environment on top, and what an operator is told of a mistake."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.config import Settings, load_settings, settings_from_json, settings_to_json
from gateway.model.errors import SettingsError
from gateway.model.secret import Secret
from gateway.model.store_url import StoreUrl

EXAMPLE = Path(__file__).parents[1] / "config.example.toml"

CHANGED: dict[str, dict[str, object]] = {
    "server": {
        "listen": "[::1]:9000",
        "operator_listen": "127.0.0.1:0",
        "workers": 64,
        "public_url": "https://push.example.com/base",
        "trusted_proxies": ("10.0.0.0/8", "2001:db8::7/128"),
        "drain_delay": 0.0,
        "drain_timeout": 3600.0,
    },
    "store": {
        "url": "mongodb://user:hush-store@a.example.com,b.example.com/push?replicaSet=rs0",
        "delivery_retention": 0.5,
        "device_retention": 30.0,
    },
    "encryption": {"keys": ("first-key", "second-key"), "lookup_key": "lookup"},
    "providers": {
        "apns_production_url": "https://apns.example.com:2197",
        "apns_sandbox_url": "https://sandbox.example.com",
        "fcm_url": "https://fcm.example.com",
        "fcm_token_url": "https://token.example.com/token",
        "ca_file": "ca.pem",
        "proxy": "http://user:hush-hush@proxy.example.com:3128",
        "no_proxy": ("example.org", "10.0.0.0/8"),
        "timeout": 15.0,
        "canary_every": 60.0,
    },
    "delivery": {
        "answer_within": 2.0,
        "outbox_max": 1000,
        "outbox_max_per_workspace": 100,
        "fcm_repeat_unanswered": False,
    },
    "limits": {
        "workspace_rate": 20.0,
        "workspace_burst": 40,
        "workspace_per_month": 100_000,
        "workspace_in_flight": 10,
        "app_rate": 200.0,
        "app_burst": 400,
        "app_per_month": 1_000_000,
        "app_in_flight": 500,
        "failed_authentications": 5,
    },
    "guard": {
        "minutes": 5.0,
        "tokens": 10,
        "share": 0.25,
        "unregistered_tokens": 50,
        "unregistered_share": 0.75,
        "hold": True,
    },
    "forwarding": {"url": "https://official.example.com", "topics": ("chat.example.ios",), "timeout": 5.0},
    "alarms": {"webhook_url": "https://alarms.example.com/hook", "webhook_secret": "hush-alarm"},
    "logging": {"level": "debug", "format": "console"},
}
"""Every setting with another value than its default."""

SECTIONS = "server, store, encryption, providers, delivery, limits, guard, forwarding, alarms, logging"
EVERY_SETTING = [(section, key) for section, keys in CHANGED.items() for key in keys]


def plain(settings: Settings) -> Any:
    """All values as TOML would hold them, secrets too."""
    return msgspec.to_builtins(
        settings, enc_hook=lambda value: value.reveal() if isinstance(value, Secret) else str(value)
    )


def write(folder: Path, text: str) -> Path:
    file = folder / "gateway.toml"
    file.write_text(text)
    return file


def toml(value: object) -> str:
    return msgspec.json.encode(value).decode()


def as_file(sections: dict[str, dict[str, object]]) -> str:
    return "\n".join(
        f"[{section}]\n" + "\n".join(f"{key} = {toml(value)}" for key, value in keys.items())
        for section, keys in sections.items()
    )


def refusal(file: Path | None, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(file, environ or {})
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_without_a_file_everything_has_its_default() -> None:
    settings = load_settings(None, {})
    assert plain(settings) == plain(Settings())
    assert str(settings.server.listen) == "0.0.0.0:8080"
    assert str(settings.server.operator_listen) == "127.0.0.1:8081"
    assert settings.store.url.path == "data/gateway.db"


def test_the_table_of_changes_covers_every_setting_and_changes_each() -> None:
    defaults = plain(Settings())
    assert [(section, key) for section, keys in defaults.items() for key in keys] == EVERY_SETTING
    assert all(CHANGED[section][key] != defaults[section][key] for section, key in EVERY_SETTING)


def test_every_setting_is_read_from_the_file(tmp_path: Path) -> None:
    assert plain(load_settings(write(tmp_path, as_file(CHANGED)), {})) == CHANGED


@pytest.mark.parametrize(("section", "key"), EVERY_SETTING)
def test_every_setting_is_read_from_the_environment(section: str, key: str) -> None:
    value = CHANGED[section][key]
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    settings = plain(load_settings(None, {f"PUSH_GATEWAY_{section}__{key}".upper(): text}))
    assert settings[section][key] == value


def test_a_value_in_the_environment_wins_over_the_file_and_leaves_the_rest(tmp_path: Path) -> None:
    file = write(tmp_path, as_file(CHANGED))
    settings = load_settings(file, {"PUSH_GATEWAY_LOGGING__LEVEL": "error"})
    assert settings.logging.level == "error"
    assert settings.logging.format == "console"
    assert plain(settings)["server"] == CHANGED["server"]


def test_whole_numbers_do_for_seconds(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "[server]\ndrain_delay = 2\n"), {}).server.drain_delay == 2.0
    assert load_settings(None, {"PUSH_GATEWAY_SERVER__DRAIN_DELAY": "2"}).server.drain_delay == 2.0


def test_an_empty_text_takes_a_url_or_a_list_away_again(tmp_path: Path) -> None:
    file = write(tmp_path, as_file(CHANGED))
    names = ("SERVER__PUBLIC_URL", "SERVER__TRUSTED_PROXIES", "PROVIDERS__FCM_TOKEN_URL", "PROVIDERS__CA_FILE")
    settings = load_settings(file, {f"PUSH_GATEWAY_{name}": "" for name in names})
    assert settings.server.public_url == settings.providers.fcm_token_url == settings.providers.ca_file == ""
    assert settings.server.trusted_proxies == ()


def test_other_variables_are_not_looked_at() -> None:
    environ = {"PATH": "/bin", "PUSH_GATEWAY": "x", "PUSH_GATEWAY_CONFIG": "x", "MY_PUSH_GATEWAY_LOGGING__LEVEL": "x"}
    assert plain(load_settings(None, environ)) == plain(Settings())


@pytest.mark.parametrize(
    ("text", "line", "rest"),
    [
        ("[providers]\nca_file = '''\na b = c\n'''\ntimeout = 16", 5, "providers.timeout: expected `float` <= 15.0"),
        ("[server]\n\nlisten = 5", 3, "server.listen: expected `str`, got `int`"),
        (
            "[server]\nlisten = 'somewhere'",
            2,
            "server.listen: expected HOST:PORT such as 127.0.0.1:8080, got 'somewhere'",
        ),
        ("[server]\nworkers = 0", 2, "server.workers: expected `int` >= 1"),
        ("[server]\nworkers = 1.5", 2, "server.workers: expected `int`, got `float`"),
        ("[server]\ndrain_delay = '5'", 2, "server.drain_delay: expected `float`, got `str`"),
        ("[server]\ndrain_delay = -1", 2, "server.drain_delay: expected `float` >= 0.0"),
        ("[server]\ndrain_delay = nan", 2, "server.drain_delay: expected `float` >= 0.0"),
        (
            "[server]\npublic_url = 'push.example.com'",
            2,
            "server.public_url: expected a URL such as https://push.example.com",
        ),
        ("[providers]\ntimeout = 0", 2, "providers.timeout: expected `float` > 0.0"),
        ("[providers]\ntimeout = inf", 2, "providers.timeout: expected `float` <= 15.0"),
        ("[providers]\nfcm_url = ''", 2, "providers.fcm_url: expected a URL that begins with https://"),
        (
            "[providers]\nfcm_token_url = 'http://x'",
            2,
            "providers.fcm_token_url: expected a URL that begins with https://",
        ),
        (
            "[store]\nurl = 'mysql://u:hush-hush@db'",
            2,
            "store.url: expected a URL such as sqlite:///data/gateway.db or mongodb://host/push_gateway",
        ),
        (
            "# levels\n[logging]\nformat = 'json'\nlevel = 'loud'",
            4,
            "logging.level: expected one of debug, info, warning, error, got 'loud'",
        ),
        ("[logging]\nformat = 'xml'", 2, "logging.format: expected one of auto, json, console, got 'xml'"),
        ("[logging]\nlevel = 5", 2, "logging.level: expected `str`, got `int`"),
        (
            "[server]\ntrusted_proxies = [\n  '10.0.0.0/8',\n  'everyone',\n]",
            2,
            "server.trusted_proxies: expected a range such as 10.0.0.0/8 or an address, got 'everyone'",
        ),
        ("[server]\ntrusted_proxies = '10.0.0.0/8'", 2, "server.trusted_proxies: expected `array`, got `str`"),
        ("\nserver = 5", 2, "server: expected `object`, got `int`"),
        ("\n[[server]]\nlisten = 5", 2, "server: expected `object`, got `array`"),
        ("\nserver.listen = 5", 2, "server.listen: expected `str`, got `int`"),
        ("\nserver = {listen = 5}", 2, "server.listen: expected `str`, got `int`"),
    ],
)
def test_a_wrong_value_is_named_with_its_file_line_and_key(tmp_path: Path, text: str, line: int, rest: str) -> None:
    file = write(tmp_path, text)
    assert refusal(file) == f"{file}, line {line}: {rest}"


@pytest.mark.parametrize(
    ("text", "line", "key", "there_is"),
    [
        ("[store]\nurl = 'sqlite:///x'\nurls = 1", 3, "store.urls", "url, delivery_retention, device_retention"),
        ("[logging]\n\n[logging.files]\npath = 1", 3, "logging.files", "level, format"),
        (
            "[store]\n[databases]\nurl = 1",
            2,
            "databases",
            "server, store, encryption, providers, delivery, limits, guard, forwarding, alarms, logging",
        ),
        (
            "listen = 1",
            1,
            "listen",
            "server, store, encryption, providers, delivery, limits, guard, forwarding, alarms, logging",
        ),
        ("[store]\n'a key' = 1", 2, "store.a key", "url, delivery_retention, device_retention"),
    ],
)
def test_an_unknown_key_or_section_is_named_with_those_there_are(
    tmp_path: Path, text: str, line: int, key: str, there_is: str
) -> None:
    file = write(tmp_path, text)
    assert refusal(file) == f"{file}, line {line}: {key}: no such setting; there is {there_is}"


def test_broken_toml_is_said_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, "[server]\nlisten = \n")
    message = refusal(file)
    assert message.startswith(f"{file}: not TOML: ")
    assert "line 2" in message


def test_a_file_that_is_not_text_is_not_toml(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_bytes(b"\xff\xfe\x00")
    assert refusal(file).startswith(f"{file}: not TOML: ")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nowhere.toml"
    assert refusal(file) == f"{file}: cannot read the settings file: No such file or directory"


@pytest.mark.parametrize(
    ("variable", "value", "rest"),
    [
        ("SERVER__LISTEN", "8080", "expected HOST:PORT such as 127.0.0.1:8080, got '8080'"),
        ("SERVER__TRUSTED_PROXIES", "10.0.0.0/8,all", "expected a range such as 10.0.0.0/8 or an address, got 'all'"),
        ("SERVER__PUBLIC_URL", "ftp://x", "expected a URL such as https://push.example.com"),
        ("SERVER__WORKERS", "65", "expected `int` <= 64"),
        ("PROVIDERS__TIMEOUT", "soon", "expected `float`, got `str`"),
        ("PROVIDERS__TIMEOUT", "16", "expected `float` <= 15.0"),
        ("STORE__DELIVERY_RETENTION", "0", "expected `float` > 0.0"),
        ("STORE__DELIVERY_RETENTION", "3651", "expected `float` <= 3650.0"),
        ("LOGGING__LEVEL", "INFO", "expected one of debug, info, warning, error, got 'INFO'"),
        ("LOGGING__COLOUR", "red", "no such setting; there is level, format"),
        (
            "LOGS__LEVEL",
            "info",
            f"no such section; there is {SECTIONS}",
        ),
        ("SERVER__LISTEN_FILE", "/x", None),
        ("PROVIDERS__CA", "/x", None),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, rest: str | None) -> None:
    message = refusal(None, {f"PUSH_GATEWAY_{variable}": value})
    assert message.startswith(f"PUSH_GATEWAY_{variable}: {rest or 'no such setting; there is '}")
    assert rest is None or message.endswith(rest)


def test_secrets_may_lie_in_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("one,two\n")
    (tmp_path / "lookup").write_text("found again\n")
    (tmp_path / "url").write_text("mongodb://user:hush-hush@db/push\n")
    settings = load_settings(
        None,
        {
            "PUSH_GATEWAY_ENCRYPTION__KEYS_FILE": str(tmp_path / "keys"),
            "PUSH_GATEWAY_ENCRYPTION__LOOKUP_KEY_FILE": str(tmp_path / "lookup"),
            "PUSH_GATEWAY_STORE__URL_FILE": str(tmp_path / "url"),
        },
    )
    assert settings.encryption.keys == (Secret("one"), Secret("two"))
    assert settings.encryption.lookup_key == Secret("found again")
    assert settings.store.url == StoreUrl("mongodb://user:hush-hush@db/push")


def test_a_secrets_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    variable = "PUSH_GATEWAY_ENCRYPTION__LOOKUP_KEY_FILE"
    message = refusal(None, {variable: str(tmp_path / "nowhere")})
    assert message.startswith(f"{variable}: cannot read {tmp_path / 'nowhere'}: ")
    assert "\n" not in message


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, as_file(CHANGED)), {})
    for shown in (repr(settings), str(settings), f"{settings.encryption}"):
        assert "first-key" not in shown
        assert "hush-hush" not in shown
        assert "hush-store" not in shown
        assert "keys=(***, ***), lookup_key=***" in shown


@pytest.mark.parametrize(
    "text",
    [
        "[store]\nurl = 'postgres://user:hush-hush@db'",
        "[store]\nurl = ['mongodb://user:hush-hush@db']",
        "[encryption]\nkeys = 'hush-hush'",
        "[encryption]\nkeys = ['hush-hush', 7]",
        "[encryption]\nkeys = ['hush-hush', ['hush-hush']]",
        "[encryption]\nlookup_key = ['hush-hush']",
        "[encryption]\nlookup_key = {hush = 'hush-hush'}",
        "[encryption]\nlookup_key = 'hush-hush'\nlookup = 'hush-hush'",
        "[encryption]\nlookup_key = 'hush-hush' 'hush-hush'",
        "[encryption]\nlookup_key = 'hush-hush",
    ],
)
def test_no_mistake_makes_a_message_quote_a_secret(tmp_path: Path, text: str) -> None:
    message = refusal(write(tmp_path, text))
    assert "hush-hush" not in message
    assert "\n" not in message


THIS_MACHINE = ("localhost", "127.0.0.0/8", "::1")


@pytest.mark.parametrize(
    ("environ", "proxy", "no_proxy"),
    [
        ({}, "", ()),
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1", THIS_MACHINE),
        ({"https_proxy": "http://p:1", "HTTPS_PROXY": "http://q:1"}, "http://p:1", THIS_MACHINE),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".a.org, 10.0.0.0/8"}, "http://p:1", (".a.org", "10.0.0.0/8")),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "*", "NO_PROXY": "b"}, "http://p:1", ("*",)),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "b"}, "", ()),
        (
            {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "b", "PUSH_GATEWAY_PROVIDERS__PROXY": "http://q:1"},
            "http://q:1",
            (),
        ),
        ({"HTTPS_PROXY": "http://p:1", "PUSH_GATEWAY_PROVIDERS__NO_PROXY": "c"}, "http://p:1", ("c", *THIS_MACHINE)),
    ],
)
def test_the_proxy_of_the_machine_is_taken_unless_ours_is_set(
    environ: dict[str, str], proxy: str, no_proxy: tuple[str, ...]
) -> None:
    providers = load_settings(None, environ).providers
    assert providers.proxy.reveal() == proxy
    assert providers.no_proxy[: len(no_proxy)] == no_proxy
    assert set(providers.no_proxy) <= {*no_proxy, *THIS_MACHINE}


def test_another_process_gets_every_setting_and_secret(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, as_file(CHANGED)), {})
    assert settings_from_json(settings_to_json(settings)) == settings


def test_the_example_is_the_defaults() -> None:
    assert plain(load_settings(EXAMPLE, {})) == plain(Settings())


def test_the_example_shows_every_setting_in_its_order() -> None:
    shown = tomllib.loads(EXAMPLE.read_text())
    assert [(section, key) for section, keys in shown.items() for key in keys] == EVERY_SETTING


def test_the_example_has_a_comment_above_every_setting() -> None:
    lines = EXAMPLE.read_text().splitlines()
    above = [before for before, line in pairwise(lines) if re.match(r"\w+ =", line)]
    assert len(above) == len(EVERY_SETTING)
    assert [line for line in above if not line.startswith("# ")] == []
