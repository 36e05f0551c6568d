"""A wrong or missing key at the start: one line, exit code 2, and everything stays as it was."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pymongo import MongoClient

from gateway.app import open_store
from gateway.config import load_settings
from gateway.model.app import App
from gateway.model.store_url import StoreUrl
from tests.cli.process import Ended, push_gateway

EMBEDDED = "sqlite:///data/gateway.db"
KEY, OTHER_KEY = (Fernet.generate_key().decode() for _ in range(2))


def given(keys: str, lookup: str) -> dict[str, str]:
    return {"PUSH_GATEWAY_ENCRYPTION__KEYS": keys, "PUSH_GATEWAY_ENCRYPTION__LOOKUP_KEY": lookup}


RIGHT = given(KEY, "a long text")


async def types(folder: Path, command: str, **env: str) -> Ended:
    return await push_gateway(*command.split(), folder=folder, env=env)


async def fill(folder: Path, url: str = EMBEDDED, **env: str) -> None:
    env["PUSH_GATEWAY_STORE__URL"] = url.replace("sqlite:///", f"sqlite:///{folder}/")
    async with open_store(load_settings(None, env)) as opened:
        await opened.store.put_app(App(id="app-1", name="chat"))


def files(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, byte for byte."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def check(ended: Ended, words: str) -> None:
    assert (ended.code, ended.err.count("\n"), ended.out) == (2, 1, ""), ended.err
    assert words in ended.err
    assert not any(secret in ended.err for secret in (KEY, OTHER_KEY, "a long text", "hush"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param(
            "encryption.keys",
            OTHER_KEY.encode(),
            "the store was written under other encryption keys than these",
            id="another key",
        ),
        ("encryption.keys", b"hush", "data/encryption.keys is damaged: a line in it is no key; put it back"),
        ("encryption.keys", b"\xff\xfe hush", "data/encryption.keys is damaged: it holds no text; put it back"),
        ("encryption.keys", None, "data/encryption.keys is missing; the store cannot be read without it: put it back"),
        ("lookup.key", b"hush", "the store was written under another lookup key"),
        ("lookup.key", b"\n", "data/lookup.key is damaged: it is empty; put it back"),
        ("lookup.key", None, "data/lookup.key is missing; the store cannot be read without it: put it back"),
    ],
)
async def test_of_key_files_beside_the_store(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    await fill(tmp_path)
    file = tmp_path / "data" / name
    file.unlink() if content is None else file.write_bytes(content)
    before = files(tmp_path)
    check(await types(tmp_path, "serve"), words)
    assert files(tmp_path) == before


@pytest.mark.parametrize("command", ["app list", "keys rotate", "keys show", "instances", "store migrate"])
async def test_whatever_the_command(tmp_path: Path, command: str) -> None:
    await fill(tmp_path)
    (tmp_path / "data" / "lookup.key").unlink()
    before = files(tmp_path)
    check(await types(tmp_path, command), "data/lookup.key is missing")
    assert files(tmp_path) == before


@pytest.mark.parametrize("name", ["encryption.keys", "lookup.key"])
async def test_of_a_damaged_key_file_where_no_store_is_yet(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_bytes(b"\xff")
    before = files(tmp_path)
    check(await types(tmp_path, "serve"), f"data/{name} is damaged: it holds no text")
    assert files(tmp_path) == before


@pytest.fixture(params=["mongo", "sqlite"])
def url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue("mongo_url").reveal() if request.param == "mongo" else EMBEDDED


def contents(url: str, folder: Path) -> object:
    """Everything in the store, wherever it is, and all files."""
    if not url.startswith("mongodb"):
        return files(folder)
    with MongoClient[dict[str, Any]](url) as client:
        database = client.get_default_database()
        return files(folder), {name: list(database[name].find()) for name in sorted(database.list_collection_names())}


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "encryption key": (given(OTHER_KEY, "a long text"), "the store was written under other encryption keys than these"),
    "lookup key": (given(KEY, "hush"), "the store was written under another lookup key"),
    "no key": (given("hush", "a long text"), "an encryption key is not 32 bytes in base64; make one with"),
    "half of them": (given(KEY, ""), "[encryption] needs both keys and lookup_key, or neither"),
    "the other half": (given("", "a long text"), "[encryption] needs both keys and lookup_key, or neither"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_of_keys_in_the_settings(tmp_path: Path, url: str, wrong: str) -> None:
    await fill(tmp_path, url, **RIGHT)
    before = await asyncio.to_thread(contents, url, tmp_path)
    env, words = WRONG[wrong]
    check(await types(tmp_path, "serve", PUSH_GATEWAY_STORE__URL=url, **env), words)
    assert await asyncio.to_thread(contents, url, tmp_path) == before


@pytest.mark.parametrize("wrong", ["no key", "half of them", "the other half"])
async def test_of_keys_in_the_settings_where_no_store_is_yet(tmp_path: Path, url: str, wrong: str) -> None:
    before = await asyncio.to_thread(contents, url, tmp_path)
    env, words = WRONG[wrong]
    check(await types(tmp_path, "serve", PUSH_GATEWAY_STORE__URL=url, **env), words)
    assert await asyncio.to_thread(contents, url, tmp_path) == before


async def test_of_no_keys_for_a_mongodb(tmp_path: Path, mongo_url: StoreUrl) -> None:
    url = mongo_url.reveal()
    for is_filled in (False, True):
        if is_filled:
            await fill(tmp_path, url, **RIGHT)
        before = await asyncio.to_thread(contents, url, tmp_path)
        ended = await types(tmp_path, "serve", PUSH_GATEWAY_STORE__URL=url)
        check(ended, "a store on MongoDB needs the same keys in every gateway: set encryption.keys to what `python3 -c")
        assert await asyncio.to_thread(contents, url, tmp_path) == before


async def test_of_no_keys_for_an_embedded_store_that_had_them_from_the_settings(tmp_path: Path) -> None:
    await fill(tmp_path, **RIGHT)
    before = files(tmp_path)
    check(await types(tmp_path, "serve"), "data/encryption.keys is missing")
    assert files(tmp_path) == before
