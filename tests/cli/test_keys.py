"""`push-gateway keys` and `push-gateway instances`, as an administrator types them beside running gateways."""

import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from gateway.model.heartbeat import Heartbeat
from gateway.model.store_url import StoreUrl
from gateway.store.local_keys import local_vault
from gateway.store.sqlite import SqliteStore
from tests.cli.process import Ended, push_gateway, serving
from tests.heartbeats import heartbeat

DOORS = ("--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0")
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


class Operator:
    """Somebody who types commands in a folder."""

    def __init__(self, folder: Path, account: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.account = account
        self.env = env

    async def types(self, *arguments: str, **env: str) -> Ended:
        return await push_gateway(*arguments, folder=self.folder, env={**self.env, **env})

    async def gets(self, *arguments: str, **env: str) -> Any:
        ended = await self.types(*arguments, "--json", **env)
        assert ended.code == 0, ended.err
        return ended.json

    async def adds_app(self, name: str, **env: str) -> None:
        added = await self.types("app", "add", name, "--fcm-service-account", str(self.account), **env)
        assert added.code == 0, added.err


@pytest.fixture
def operator(tmp_path: Path, identity: Path) -> Operator:
    """On an embedded store with key files."""
    return Operator(tmp_path, identity / "service-account.json", {})


@pytest.fixture(params=["mongo", "sqlite"])
def setter(request: pytest.FixtureRequest, operator: Operator) -> Operator:
    """One whose keys stand in the settings."""
    url = request.getfixturevalue("mongo_url").reveal() if request.param == "mongo" else "sqlite:///data/gateway.db"
    return Operator(operator.folder, operator.account, {**under(OLD), "PUSH_GATEWAY_STORE__URL": url})


def under(*keys: str) -> dict[str, str]:
    return {"PUSH_GATEWAY_ENCRYPTION__KEYS": ",".join(keys), "PUSH_GATEWAY_ENCRYPTION__LOOKUP_KEY": "a long text"}


@asynccontextmanager
async def beside(folder: Path) -> AsyncIterator[SqliteStore]:
    """The operator's embedded store, open as a gateway has it."""
    data = folder / "data"
    store = await SqliteStore.open(data / "gateway.db", lambda is_new: local_vault(data, is_new))
    try:
        yield store
    finally:
        await store.close()


async def beats(folder: Path, *keys: str) -> Heartbeat:
    """Let a gateway that is not there beat for the whole test."""
    beat = heartbeat("a", host="web1", at=time.time() + 3600.0, keys=keys)
    async with beside(folder) as store:
        await store.heartbeats.beat(beat)
    return beat


async def test_keys_are_rotated_beside_a_running_gateway_and_the_old_one_is_not_needed_afterwards(
    operator: Operator,
) -> None:
    await operator.adds_app("chat")
    file = operator.folder / "data" / "encryption.keys"
    (old,) = file.read_text().split()
    async with serving("serve", *DOORS, folder=operator.folder) as served:
        await served.line_with('"event":"snapshot_loaded"')
        rotated = await operator.types("keys", "rotate")
        assert rotated.code == 0, rotated.err
        assert "Waiting for a gateway to know the new key" in rotated.err
        assert "remain in data/encryption.keys, behind the first line. Backups" in rotated.out
        await operator.adds_app("second")
        new, *rest = file.read_text().split()
        assert rest == [old]
        file.write_text(f"{new}\n")
        await served.line_with('"event":"keys_adopted"', times=3)
        await operator.adds_app("third")
        shown, *_ = await operator.gets("keys", "show")
        assert (shown["role"], shown["things"]) == ("primary", {"seal": 1, "apps": 3})
        assert [name.partition(" (pid ")[2] for name in shown["gateways"]] == [f"{served.process.pid})"]
        served.process.send_signal(signal.SIGINT)
        assert await served.ended() == 0
    assert [one["name"] for one in await operator.gets("app", "list")] == ["chat", "second", "third"]
    said = "".join((*served.lines, rotated.out, rotated.err, json.dumps(shown)))
    assert not any(key in said for key in (old, new))


async def test_a_rotation_that_is_killed_loses_nothing_and_goes_on_when_run_again(operator: Operator) -> None:
    await operator.adds_app("chat")
    (old,) = await operator.gets("keys", "show")
    await beats(operator.folder, old["key"])
    new = ""
    for does in ("know", "write under"):
        async with serving("keys", "rotate", folder=operator.folder) as rotating:
            waiting = await rotating.line_with(rf"Waiting for a gateway to {does} the new key (\w+): web1 \(pid 77\)")
            rotating.process.kill()
        assert (await operator.gets("app", "show", "chat"))["name"] == "chat"
        assert new in ("", waiting[1])
        new = waiting[1]
        await beats(operator.folder, old["key"], new)
    await beats(operator.folder, new, old["key"])
    rotated = await operator.gets("keys", "rotate")
    assert rotated == {"primary": new, "old": [old["key"]], "renewed": 2}
    assert sorted(path.name for path in (operator.folder / "data").glob("*")) == [
        "encryption.keys",
        "gateway.db",
        "lookup.key",
    ]
    async with beside(operator.folder) as store:
        await store.heartbeats.leave("a")
    assert (await operator.gets("keys", "rotate"))["old"] == [new, old["key"]]


async def test_keys_of_the_settings_are_rotated_once_they_are_changed_everywhere(setter: Operator) -> None:
    await setter.adds_app("chat")
    early = await setter.types("keys", "rotate")
    assert (early.code, early.err.count("\n"), early.out) == (1, 1, "")
    assert "encryption.keys holds one key only" in early.err
    assert "(3) run `push-gateway keys rotate`" in early.err
    idle = await setter.types("keys", "rotate", **under(OLD, NEW))
    assert "be the old key, first move the new one to the front everywhere" in idle.out
    done = await setter.types("keys", "rotate", **under(NEW, OLD))
    assert (done.code, done.err) == (0, "")
    assert "can be taken out of encryption.keys everywhere. Backups" in done.out
    assert [one["name"] for one in await setter.gets("app", "list", **under(NEW))] == ["chat"]
    assert (await setter.types("app", "list", **under(OLD))).code == 2


async def test_the_keys_are_shown_with_what_lies_under_them_and_who_knows_them(setter: Operator) -> None:
    await setter.adds_app("chat")
    await setter.adds_app("new", **under(NEW, OLD))
    rows = await setter.gets("keys", "show", **under(NEW, OLD))
    assert [(row["role"], row["things"], row["gateways"]) for row in rows] == [
        ("primary", {"apps": 1}, []),
        ("old or new", {"seal": 1, "apps": 1}, []),
    ]
    lost = await setter.types("keys", "show", **under(OLD))
    assert lost.code == 0
    assert "put it at the end of encryption.keys" in lost.out


async def test_keys_that_only_a_gateway_knows_are_shown(operator: Operator) -> None:
    await operator.adds_app("chat")
    (own,) = await operator.gets("keys", "show")
    await beats(operator.folder, "0a1b2c3d", own["key"])
    rows = await operator.gets("keys", "show")
    assert [(row["key"], row["role"], row["gateways"]) for row in rows] == [
        (own["key"], "primary", ["web1 (pid 77)"]),
        ("0a1b2c3d", "not in these settings", ["web1 (pid 77)"]),
    ]


async def test_instances_are_those_that_run_and_those_that_fell_silent(operator: Operator) -> None:
    assert "No gateway runs on this store." in (await operator.types("instances")).out
    async with beside(operator.folder) as store:
        await store.heartbeats.beat(heartbeat("a", host="zzz", at=time.time() - 60.0))
    async with serving("serve", *DOORS, folder=operator.folder) as served:
        await served.line_with('"event":"snapshot_loaded"')
        while len(listed := await operator.gets("instances")) < 2:
            pass
        own, other = sorted(listed, key=lambda one: one["host"] == "zzz")
        assert (own["pid"], own["live"], own["keys_in_order"]) == (served.process.pid, True, True)
        assert (other["live"], other["keys_in_order"], other["keys"]) == (False, False, ["0a1b2c3d"])
        table = (await operator.types("instances")).out
        for words in ("runs", "in order", "silent", "others: 0a1b2c3d", "s ago"):
            assert words in table
        served.process.send_signal(signal.SIGTERM)
        served.process.send_signal(signal.SIGTERM)
        assert await served.ended() == 0
    assert [one["host"] for one in await operator.gets("instances")] == ["zzz"]


async def test_two_gateways_on_one_mongodb_know_of_each_other(operator: Operator, mongo_url: StoreUrl) -> None:
    env = {**under(OLD), "PUSH_GATEWAY_STORE__URL": mongo_url.reveal()}
    async with (
        serving("serve", *DOORS, folder=operator.folder, env=env) as one,
        serving("serve", *DOORS, folder=operator.folder, env=env) as other,
    ):
        for served in (one, other):
            await served.line_with('"event":"snapshot_loaded"')
        while len(listed := await operator.gets("instances", **env)) < 2:
            pass
        assert {gateway["pid"] for gateway in listed} == {one.process.pid, other.process.pid}
        assert all(gateway["live"] and gateway["keys_in_order"] for gateway in listed)
