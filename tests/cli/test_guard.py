"""`push-gateway guard ...`, and the guard of several workers."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from gateway.delivery.guard_watch import BELIEVED_SECONDS
from gateway.model.notice import Notice, NoticeKind
from gateway.providers.simulator import Rule, Simulator
from gateway.store.local_keys import local_vault
from gateway.store.sqlite import SqliteStore
from tests.cli.process import PATIENCE, Ended, push_gateway
from tests.cli.server import Server, served
from tests.end_to_end.running import message
from tests.notices import notice

NOW = float(round(time.time()))
BAD_TOKEN = "400 BadDeviceToken for 20 tokens, while 1 were taken"
TRIPS = [
    notice("chat", kind=NoticeKind.GUARD_TRIPPED, about="apns_bad_device_token", words=BAD_TOKEN, at=NOW),
    notice("chat", kind=NoticeKind.GUARD_TRIPPED, about="apns_unregistered", at=NOW - 60.0),
    notice("other", kind=NoticeKind.GUARD_TRIPPED, about="fcm_sender_id_mismatch", at=NOW - 3600.0),
]
ANOTHER_ALARM = notice("chat", kind=NoticeKind.BREAKER_OPEN, about="apns", at=NOW)
ALL_BAD = Rule(platform="fcm", status=400, reason="INVALID_ARGUMENT")
FEW = 4
"""How many tokens one worker ends before it suspects that they are not to blame."""


async def open_store(folder: Path) -> SqliteStore:
    """Open the store that the commands use in a folder."""
    return await SqliteStore.open(folder / "data" / "gateway.db", lambda is_new: local_vault(folder / "data", is_new))


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Where the commands find what stands."""
    store = await open_store(tmp_path)
    for one in (*TRIPS, ANOTHER_ALARM):
        await store.notices.post(one)
    await store.close()
    return tmp_path


async def standing(folder: Path) -> list[Notice]:
    store = await open_store(folder)
    found = await store.notices.all()
    await store.close()
    return found


async def types(folder: Path, *arguments: str) -> Ended:
    return await push_gateway("guard", *arguments, folder=folder)


async def test_show_lists_what_is_tripped(folder: Path) -> None:
    shown = (await types(folder, "show")).out
    for trip in TRIPS:
        assert trip.about in shown
    assert BAD_TOKEN in shown
    assert "breaker_open" not in shown


async def test_show_as_json(folder: Path) -> None:
    shown = (await types(folder, "show", "--json")).json
    assert [(one["app"], one["reason"]) for one in shown] == [(trip.subject, trip.about) for trip in TRIPS]
    assert shown[0]["words"] == BAD_TOKEN
    assert shown[0]["since"].startswith(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(NOW)))


async def test_reset_ends_all_of_one_app_and_nothing_else(folder: Path) -> None:
    ended = await types(folder, "reset", "chat")
    assert ended.out == (
        "Reset for chat: apns_bad_device_token, apns_unregistered. Gateways follow within seconds.\n"
    ), ended.err
    *others, believed = sorted(await standing(folder), key=lambda one: one.kind == NoticeKind.GUARD_RESET)
    assert others == [ANOTHER_ALARM, TRIPS[2]]
    assert (believed.subject, believed.about) == ("chat", "apns_unregistered")
    assert believed.until == believed.at + BELIEVED_SECONDS


async def test_where_nothing_is_tripped_it_says_so(tmp_path: Path) -> None:
    assert (await types(tmp_path, "show")).out == "The guard has not tripped for any app.\n"
    ended = await types(tmp_path, "reset", "chat")
    assert (ended.code, ended.out) == (0, "The guard has not tripped for chat; see `push-gateway guard show`.\n")


async def statuses(server: Server, tokens: list[str]) -> Counter[int]:
    """Push to each token once, over many connections, so that every worker has some."""
    found, left = Counter[int](), iter(tokens)

    async def send() -> None:
        async with aiohttp.ClientSession() as session:
            for token in left:
                async with session.post(server.push_url, json=message(token)) as answer:
                    found[answer.status] += 1

    await asyncio.gather(*(send() for _ in range(20)))
    return found


def androids(number: int, first: str) -> list[str]:
    return [f"fcmtok:{first}{index:030d}" for index in range(number)]


async def trips_told(server: Server) -> int:
    """How many trips the metrics tell of."""
    async with aiohttp.ClientSession() as session, session.get(f"{server.operator}/metrics") as answer:
        return (await answer.text()).count("\npush_guard_tripped{")


async def test_two_workers_end_no_token_by_a_key_that_has_proven_nothing(tmp_path: Path, simulator: Simulator) -> None:
    simulator.set_rules([ALL_BAD])
    async with served(tmp_path, 2) as server:
        assert await statuses(server, androids(2000, "a")) == {422: 2000}
        for worker in (1, 2):
            await server.served.line_with(rf'^(?=.*"worker":{worker}\b).*"reason":"guard_tripped"')
        config = tmp_path / "data" / "gateway.toml"
        async with asyncio.timeout(PATIENCE):
            while await trips_told(server) != 1:
                pass
            while await trips_told(server):  # a worker may write down its own trip after the first reset
                ended = await push_gateway("--config", config, "guard", "reset", "app", folder=tmp_path)
                assert ended.code == 0, ended.err


async def test_two_workers_end_few_by_a_key_that_was_good(tmp_path: Path, simulator: Simulator) -> None:
    async with served(tmp_path, 2) as server:
        assert await statuses(server, androids(400, "a")) == {200: 400}
        simulator.set_rules([ALL_BAD])
        found = await statuses(server, androids(2000, "b"))
        assert set(found) == {406, 422}
        assert found[406] <= 2 * FEW
