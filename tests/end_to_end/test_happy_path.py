"""A push that is delivered at once touches no database: not before its answer, and one by one not behind it either."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from pymongo import monitoring

from gateway.config import EncryptionSettings, StoreSettings
from gateway.model.secret import Secret
from gateway.providers.simulator import Simulator
from tests.clock import ManualClock
from tests.end_to_end.operations import Commands, proven, watched
from tests.end_to_end.running import ANDROID, IPHONE, Running, message, settings_of, start_gateway

KEY = Secret("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")


@pytest.fixture(scope="module")
def commands() -> Commands:
    """Heard by every client that is made from now on: the driver has no other way to hear one of somebody else's."""
    listener = Commands()
    monitoring.register(listener)
    return listener


@pytest.fixture(params=["sqlite", "mongo"])
def kept(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings that make a gateway use this kind of store."""
    if request.param == "sqlite":
        return {}
    store = StoreSettings(url=request.getfixturevalue("mongo_url"))
    return {"store": store, "encryption": EncryptionSettings(keys=(KEY,), lookup_key=Secret("lookup"))}


@pytest.fixture
async def gateway(simulator: Simulator, commands: Commands, kept: dict[str, Any]) -> AsyncIterator[Running]:
    """For it time stands still, so that nothing is written behind an answer either."""
    async with AsyncExitStack() as cleanup:
        settings = msgspec.structs.replace(await asyncio.to_thread(settings_of, simulator), **kept)
        running = await start_gateway(simulator, cleanup, settings, ManualClock(time.time()))
        await running.register()
        await running.prove()
        await proven(running)
        yield running


async def test_a_delivered_push_is_no_database_operation(gateway: Running, commands: Commands) -> None:
    operations = watched(gateway, commands)
    answers = await asyncio.gather(
        *(gateway.push("apn", message(IPHONE, notId=number)) for number in range(50)),
        *(gateway.push("gcm", message(ANDROID, notId=number)) for number in range(50)),
    )
    assert {answer.code for answer in answers} == {"delivered"}
    assert operations == []
    await gateway.gateway.store.revision()
    assert len(operations) >= 1, "an operation would have been noted"
