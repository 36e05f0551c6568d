"""The guard by the command line, and in several workers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.config import GuardSettings
from gateway.providers.simulator import Rule, Simulator
from tests.cli.process import PATIENCE, push_gateway
from tests.cli.server import Server, served
from tests.end_to_end.flood import dead, flood, iphones
from tests.end_to_end.receiver import receiving
from tests.end_to_end.running import TOPIC, Answer, message

WORKERS = 2
BAD_TOKENS = Rule(platform="apns", status=400, reason="BadDeviceToken")
TRIPPED = (422, "guard_tripped")
TENTH = GuardSettings().tokens // 10

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")


class Site:
    """Several workers, and the command line beside them."""

    def __init__(self, folder: Path, server: Server, session: aiohttp.ClientSession, env: dict[str, str]) -> None:
        self._folder = folder
        self._server = server
        self._session = session
        self._env = env

    async def command(self, *arguments: str | Path) -> Any:
        return await push_gateway(
            "--config", self._folder / "data" / "gateway.toml", *arguments, folder=self._folder, env=self._env
        )

    async def push(self, token: str) -> Answer:
        url = self._server.push_url.replace("/gcm/", "/apn/")
        async with self._session.post(url, json=message(token)) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def pushes(self, tokens: Iterable[str]) -> Counter[tuple[int, str]]:
        return await flood(self.push, tokens)

    async def trips(self) -> list[dict[str, str]]:
        return (await self.command("guard", "show", "--json")).json


@asynccontextmanager
async def site(folder: Path, **env: str) -> AsyncIterator[Site]:
    """Serve an app of Apple's; the block begins when all workers know it."""
    key = ("--apns-key", folder / "data" / "AuthKey_SIMKEY0001.p8", "--apns-key-id", "SIMKEY0001")
    async with served(folder, WORKERS, **env) as server, aiohttp.ClientSession() as session:
        here = Site(folder, server, session, env)
        ended = await here.command("app", "update", "app", *key, "--apns-team-id", "SIMTEAM001", "--apns-topic", TOPIC)
        assert ended.code == 0, ended.err
        await server.served.line_with('"event":"snapshot_loaded"', times=2 * WORKERS)
        yield here


async def test_with_several_workers_a_sandbox_key_ends_no_token(tmp_path: Path, simulator: Simulator) -> None:
    simulator.set_rules([BAD_TOKENS])
    async with site(tmp_path) as here:
        answers = await here.pushes(iphones(10_000))
        assert dead(answers) == 0
        assert answers[TRIPPED] >= 10_000 - WORKERS * GuardSettings().tokens


async def test_of_a_proven_app_each_worker_ends_a_tenth_of_the_threshold_at_most(
    tmp_path: Path, simulator: Simulator
) -> None:
    async with site(tmp_path) as here:
        assert await here.pushes(iphones(200)) == {(200, "delivered"): 200}
        simulator.set_rules([BAD_TOKENS])
        assert 1 <= dead(await here.pushes(iphones(1000))) <= WORKERS * TENTH


async def test_what_has_tripped_is_shown_and_reset_and_running_workers_follow(
    tmp_path: Path, simulator: Simulator
) -> None:
    async with receiving() as receiver, site(tmp_path, PUSH_GATEWAY_ALARMS__WEBHOOK_URL=receiver.url) as here:
        assert (await here.command("guard", "show")).out == "Nothing has tripped.\n"
        await here.pushes(iphones(200))
        simulator.set_rules([BAD_TOKENS])
        await here.pushes(iphones(200))
        async with asyncio.timeout(PATIENCE):
            while not (trips := await here.trips()):
                pass
        assert [(trip["app"], trip["reason"]) for trip in trips] == [("app", "apns_bad_device_token")]
        assert trips[0]["words"].startswith("400 BadDeviceToken of 2")
        assert "apns_bad_device_token" in (await here.command("guard", "show")).out
        assert (await here.push("dead" * 16)).code == "guard_tripped"
        ended = await here.command("guard", "reset", "app")
        assert (ended.code, ended.out) == (0, "Reset: app (apns_bad_device_token).\n")
        assert await here.trips() == []
        assert [state for state, _, _ in receiver.told("guard_tripped")] == ["on", "over"]
        async with asyncio.timeout(PATIENCE):
            while (await here.push("dead" * 16)).code == "guard_tripped":
                pass
        again = await here.command("guard", "reset", "app")
        assert (again.code, again.out) == (1, "")
        assert "push-gateway guard show" in again.err
