"""A running gateway goes by its key file, and keeps its keys where the file cannot be used."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from structlog.testing import capture_logs

from gateway.delivery.key_watch import POLL_SECONDS, KeyWatch
from gateway.store.crypto import Vault
from gateway.store.local_keys import KeyFiles, local_vault
from tests.clock import ManualClock

Until = Callable[[Callable[[], object]], Any]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return local_vault(tmp_path, may_make=True)


@pytest.fixture
def files(tmp_path: Path, vault: Vault) -> KeyFiles:
    return KeyFiles(tmp_path, vault)


@pytest.fixture
async def watching(files: KeyFiles, clock: ManualClock) -> AsyncIterator[None]:
    task = asyncio.create_task(KeyWatch(files, clock).run())
    await clock.next_timer()
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def look(clock: ManualClock) -> None:
    """Let it look once."""
    looked = asyncio.create_task(clock.next_timer())
    await clock.advance(POLL_SECONDS)
    await looked


@pytest.mark.usefixtures("watching")
async def test_another_key_is_known_after_two_seconds(vault: Vault, files: KeyFiles, clock: ManualClock) -> None:
    key = Fernet.generate_key().decode()
    content = await asyncio.to_thread(files.path.read_text)
    await asyncio.to_thread(files.path.write_text, f"{content}{key}\n")
    with capture_logs() as logs:
        await clock.advance(POLL_SECONDS - 0.1)
        assert len(vault.fingerprints) == 1
        looked = asyncio.create_task(clock.next_timer())
        await clock.advance(0.1)
        await looked
    assert vault.fingerprints[1:] == (vault.fingerprint(key),)
    assert [entry["event"] for entry in logs] == ["keys_adopted"]
    assert key not in str(logs)


@pytest.mark.usefixtures("watching")
async def test_each_trouble_with_the_file_is_told_once_and_the_keys_stay(
    vault: Vault, files: KeyFiles, clock: ManualClock
) -> None:
    before, content = vault.fingerprints, await asyncio.to_thread(files.path.read_text)
    with capture_logs() as logs:
        await asyncio.to_thread(files.path.unlink)
        await look(clock)
        await look(clock)
        await asyncio.to_thread(files.path.write_text, "hush")
        await look(clock)
        await look(clock)
        await asyncio.to_thread(files.path.write_text, content)
        await look(clock)
        await asyncio.to_thread(files.path.unlink)
        await asyncio.to_thread(files.path.mkdir)
        await look(clock)
        await look(clock)
    assert [entry["event"] for entry in logs] == ["keys_unusable"] * 3
    for entry, words in zip(logs, ("is missing", "not 32 bytes", "Is a directory"), strict=True):
        assert words in entry["error"]
    assert "hush" not in str(logs)
    assert vault.fingerprints == before
