"""The store's own commands, as an operator types them."""

from pathlib import Path
from shutil import copyfile

import pytest
from cryptography.fernet import Fernet

from gateway.model.store_url import StoreUrl
from tests.cli.process import Ended, push_gateway

SQLITE = "sqlite:///data/gateway.db"
KEYS = {"PUSH_GATEWAY_ENCRYPTION__KEYS": Fernet.generate_key().decode()}
NEW_KEYS = {**KEYS, "PUSH_GATEWAY_ENCRYPTION__LOOKUP_KEY_FILE": "data/lookup.key"}
"""Of the new place: the lookup key is the old one."""


class Operator:
    """Somebody who types commands in a folder."""

    def __init__(self, folder: Path, key: Path) -> None:
        self.folder = folder
        self.key = key

    async def types(self, *arguments: str | StoreUrl, **env: str) -> Ended:
        words = [word.reveal() if isinstance(word, StoreUrl) else word for word in arguments]
        return await push_gateway(*words, folder=self.folder, env=env)

    async def sets_up(self, **env: str) -> None:
        added = await self.types("app", "add", "chat", "--fcm-service-account", str(self.key), **env)
        assert added.code == 0, added.err
        for name in ("acme", "example"):
            assert (await self.types("workspace", "add", name, "--app", "chat", **env)).code == 0

    async def sees(self, **env: str) -> object:
        return [(await self.types(kind, "list", "--json", **env)).json for kind in ("app", "workspace")]


@pytest.fixture
def operator(tmp_path: Path, identity: Path) -> Operator:
    return Operator(tmp_path, identity / "service-account.json")


def counts(copied: int, present: int) -> dict[str, int]:
    return {"copied": copied, "present": present}


async def test_a_store_moves_to_mongodb_and_back(operator: Operator, mongo_url: StoreUrl) -> None:
    await operator.sets_up()
    before = await operator.sees()
    there = await operator.types("store", "copy", "--from", SQLITE, "--to", mongo_url, "--json", **NEW_KEYS)
    assert there.code == 0, there.err
    assert there.json == {
        "apps": counts(1, 0),
        "workspaces": counts(2, 0),
        "proofs": counts(0, 0),
        "deliveries": counts(0, 0),
        "outbox": counts(0, 0),
        "late_verdicts": counts(0, 0),
        "devices": counts(0, 0),
        "notices": counts(0, 0),
        "usage": counts(0, 0),
    }
    in_mongo = {**NEW_KEYS, "PUSH_GATEWAY_STORE__URL": mongo_url.reveal()}
    assert await operator.sees(**in_mongo) == before
    back = await operator.types("store", "copy", "--to", "sqlite:///back/gateway.db", **in_mongo)
    assert back.code == 0, back.err
    assert "Both stores hold the same now" in back.out
    assert "encrypted under the keys given here: its gateway needs them" in back.out
    in_back = {**NEW_KEYS, "PUSH_GATEWAY_STORE__URL": "sqlite:///back/gateway.db"}
    assert await operator.sees(**in_back) == before
    assert not list((operator.folder / "back").glob("*.key*"))


async def test_a_copy_with_key_files_of_its_own_needs_no_others(operator: Operator) -> None:
    await operator.sets_up()
    (operator.folder / "own").mkdir()
    for name in ("encryption.keys", "lookup.key"):
        copyfile(operator.folder / "data" / name, operator.folder / "own" / name)
    there = await operator.types("store", "copy", "--to", "sqlite:///own/gateway.db")
    assert there.out.endswith("To use the copy, set store.url to where it is: sqlite:///own/gateway.db\n"), there.err
    assert await operator.sees(PUSH_GATEWAY_STORE__URL="sqlite:///own/gateway.db") == await operator.sees()


async def test_copying_again_does_nothing_and_other_contents_are_refused(
    operator: Operator, mongo_url: StoreUrl
) -> None:
    await operator.sets_up()
    copying = ("store", "copy", "--from", SQLITE, "--to", mongo_url)
    assert (await operator.types(*copying, **NEW_KEYS)).code == 0
    again = await operator.types(*copying, "--json", **NEW_KEYS)
    assert again.json == {
        "apps": counts(0, 1),
        "workspaces": counts(0, 2),
        "proofs": counts(0, 0),
        "deliveries": counts(0, 0),
        "outbox": counts(0, 0),
        "late_verdicts": counts(0, 0),
        "devices": counts(0, 0),
        "notices": counts(0, 0),
        "usage": counts(0, 0),
    }
    assert (await operator.types("workspace", "suspend", "acme")).code == 0
    other = await operator.types(*copying, **NEW_KEYS)
    assert (other.code, other.err.count("\n")) == (1, 1)
    assert "Workspace 'acme' is in the target and not so in the original" in other.err


async def test_a_copy_under_another_lookup_key_is_refused_before_it_is_made(
    operator: Operator, mongo_url: StoreUrl
) -> None:
    await operator.sets_up()
    other_lookup = {**KEYS, "PUSH_GATEWAY_ENCRYPTION__LOOKUP_KEY": "another"}
    without_keys: dict[str, str] = {}
    for target, env in (
        (mongo_url, other_lookup),
        (mongo_url, without_keys),
        (StoreUrl("sqlite:///other/gateway.db"), without_keys),
    ):
        refused = await operator.types("store", "copy", "--from", SQLITE, "--to", target, **env)
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert "PUSH_GATEWAY_ENCRYPTION__LOOKUP_KEY_FILE=.../lookup.key" in refused.err
    assert not (operator.folder / "other").exists()
    assert (await operator.types("store", "copy", "--from", SQLITE, "--to", mongo_url, **NEW_KEYS)).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["copy"], 2, "the original and the copy are the same store"),
        (["copy", "--from", "sqlite:///none.db", "--to", SQLITE], 1, "there is no store at none.db"),
        (["copy", "--from", "mysql://user:hush@db", "--to", SQLITE], 2, "Expected a URL such as sqlite:///"),
        (["copy", "--from", "mongodb://user:hush@127.0.0.1:9", "--to", SQLITE], 2, "set encryption.keys to what"),
    ],
)
async def test_what_cannot_be_copied_is_said(operator: Operator, arguments: list[str], code: int, words: str) -> None:
    ended = await operator.types("store", *arguments)
    assert ended.code == code
    assert words in ended.err
    assert "hush" not in ended.err
    assert list(operator.folder.iterdir()) == []


async def test_migrating_a_store_that_is_as_it_should_be_does_nothing(operator: Operator, mongo_url: StoreUrl) -> None:
    for url in (SQLITE, mongo_url.reveal()):
        keys = NEW_KEYS if url != SQLITE else {}
        for _ in range(2):
            ended = await operator.types("store", "migrate", PUSH_GATEWAY_STORE__URL=url, **keys)
            assert (ended.code, ended.out.split(":")[0]) == (0, "nothing to do"), ended.err
        machine = await operator.types("store", "migrate", "--json", PUSH_GATEWAY_STORE__URL=url, **keys)
        assert machine.json == {"migrations": []}


async def test_a_gateway_on_mongodb_needs_keys_and_says_how_to_make_them(operator: Operator) -> None:
    ended = await operator.types("serve", PUSH_GATEWAY_STORE__URL="mongodb://user:hush@127.0.0.1:9/push")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "set encryption.keys to what `python3 -c" in ended.err
    assert "hush" not in ended.err + ended.out


async def test_a_mongodb_that_is_away_is_one_line_without_the_password(operator: Operator) -> None:
    (operator.folder / "url").write_text("mongodb://user:hush@127.0.0.1:9/push?timeoutMS=500\n")
    (operator.folder / "data").mkdir()
    (operator.folder / "data" / "lookup.key").write_text("lookup\n")
    ended = await operator.types("app", "list", PUSH_GATEWAY_STORE__URL_FILE="url", **NEW_KEYS)
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "cannot open the store mongodb://127.0.0.1:9/push: 127.0.0.1:9: [Errno 111] Connection refused" in ended.err
