"""Several workers behind one door, as processes: what each does, and what becomes of the rest when one ends."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.providers.simulator import Rule, Simulator
from tests.cli.process import PATIENCE, halted, push_gateway
from tests.cli.server import DOORS, Server, ask_once, counted, push, served, status

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")


async def push_apart(server: Server) -> int | None:
    """Push on a connection of its own; None where it was lost."""
    try:
        async with aiohttp.ClientSession() as session:
            return (await push(session, server)).status
    except aiohttp.ClientConnectionError:
        return None


async def counts(session: aiohttp.ClientSession, server: Server, pushes: int) -> None:
    """Wait until the metrics tell of so many: a worker tells them once a second."""
    async with asyncio.timeout(PATIENCE):
        while await counted(session, server) != pushes:
            pass


@pytest.mark.usefixtures("simulator")
async def test_every_worker_serves_and_all_are_counted_together(tmp_path: Path) -> None:
    async with served(tmp_path, 2) as server, aiohttp.ClientSession() as session:
        first, second = await server.worker(1), await server.worker(2)
        for idle, times in ((first, 3), (second, 4)):
            async with halted(idle):
                assert {await push_apart(server) for _ in range(times)} == {200}
        await counts(session, server, 7)
        for number, times in ((2, 3), (1, 4)):
            await server.served.line_with(rf'^(?=.*"worker":{number}\b).*"event":"push"', times)
        async with session.get(f"{server.operator}/metrics") as answer:
            text = await answer.text()
        assert 'push_request_seconds_count{platform="gcm"} 7.0' in text
        assert text.count("\npush_gateway_build_info{") == 1
        for name in ("supervisor", "1", "2"):
            assert f'process_cpu_seconds_total{{worker="{name}"}}' in text
        async with session.get(server.operator) as page:
            assert "2 of 2 workers are up." in await page.text()
        assert await status(session, f"{server.operator}/readyz") == (200, {"status": "ok"})


@pytest.mark.usefixtures("simulator")
async def test_a_killed_worker_takes_nobody_along_who_still_waits(tmp_path: Path) -> None:
    async with served(tmp_path, 2) as server, aiohttp.ClientSession() as session:
        first, second = await server.worker(1), await server.worker(2)
        assert await push_apart(server) == 200
        await counts(session, server, 1)
        async with halted(first, second):
            waiting = [asyncio.create_task(push_apart(server)) for _ in range(30)]
            await asyncio.wait(waiting, timeout=0.1)
            os.kill(first, signal.SIGKILL)
            await server.served.line_with('"worker":1,"signal":"SIGKILL"')
        assert await asyncio.gather(*waiting) == [200] * 30
        await server.worker(1, start=2)
        await counts(session, server, 31)


@pytest.mark.usefixtures("simulator")
async def test_a_worker_killed_under_load_costs_its_own_connections_and_no_count(tmp_path: Path) -> None:
    async with served(tmp_path, 2) as server, aiohttp.ClientSession() as session:
        over = asyncio.Event()

        async def keep_pushing() -> list[int | None]:
            answers = []
            while not over.is_set():
                answers.append(await push_apart(server))
            return answers

        async def keep_counting() -> list[int]:
            totals = []
            while not over.is_set():
                totals.append(await counted(session, server))
            return totals

        load = [asyncio.create_task(keep_pushing()) for _ in range(8)]
        counting = asyncio.create_task(keep_counting())
        await server.served.line_with('"event":"push"', times=100)
        os.kill(await server.worker(1), signal.SIGKILL)
        await server.worker(1, start=2)
        over.set()
        for answers in await asyncio.gather(*load):
            assert answers.count(None) <= 1
            assert set(answers) <= {200, None}
        assert all(before <= after for before, after in pairwise(await counting))


async def is_closed(session: aiohttp.ClientSession, door: str) -> bool:
    try:
        await status(session, f"{door}/readyz")
    except aiohttp.ClientConnectionError:
        return True
    return False


def is_turned_away(door: str) -> bool:
    host, port = door.removeprefix("http://").split(":")
    with socket.socket() as late:
        late.setblocking(False)
        late.connect_ex((host, int(port)))
        try:
            late.getpeername()
        except OSError:
            return True
        return False


@pytest.mark.usefixtures("simulator")
async def test_when_all_stop_who_waits_is_answered_and_who_comes_is_turned_away(tmp_path: Path) -> None:
    async with served(tmp_path, 2, PUSH_GATEWAY_SERVER__DRAIN_DELAY="0") as server, aiohttp.ClientSession() as session:
        workers = [await server.worker(1), await server.worker(2)]
        async with halted(*workers):
            waiting = [asyncio.create_task(push_apart(server)) for _ in range(30)]
            await asyncio.wait(waiting, timeout=0.1)
            server.signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE):
                while not await is_closed(session, server.operator):
                    pass
            assert is_turned_away(server.public)
        assert await asyncio.gather(*waiting) == [200] * 30
        assert await server.served.ended() == 0


@pytest.mark.usefixtures("simulator")
async def test_a_stop_under_load_resets_nobody(tmp_path: Path, until: Callable[..., Any]) -> None:
    answers: list[bytes] = []
    async with served(tmp_path, 2) as server:
        host, port = server.public.removeprefix("http://").split(":")

        async def keep_asking() -> None:
            while (answer := await ask_once(host, int(port))) is not None:
                answers.append(answer)

        load = [asyncio.create_task(keep_asking()) for _ in range(8)]
        await until(lambda: len(answers) >= 100)
        server.signal(signal.SIGINT)
        await asyncio.gather(*load)
        assert await server.served.ended() == 0
    assert {answer[:13] for answer in answers} == {b"HTTP/1.1 200 "}


async def test_whoever_signals_all_processes_lets_all_finish(tmp_path: Path, simulator: Simulator) -> None:
    simulator.set_rules([Rule(delay_ms=700)])
    async with served(tmp_path, 2, PUSH_GATEWAY_SERVER__DRAIN_DELAY="0") as server:
        workers = [await server.worker(1), await server.worker(2)]
        arrival = asyncio.create_task(simulator.next_received())
        under_way = asyncio.create_task(push_apart(server))
        await arrival
        for worker in workers:
            os.kill(worker, signal.SIGTERM)
        server.signal(signal.SIGTERM)
        assert await under_way == 200
        assert await server.served.ended() == 0
        assert not any('"event":"worker_ended"' in line for line in server.served.lines)


async def test_workers_end_when_the_supervisor_is_killed_and_finish_what_they_have(
    tmp_path: Path, simulator: Simulator
) -> None:
    simulator.set_rules([Rule(delay_ms=700)])
    async with served(tmp_path, 2) as server:
        arrival = asyncio.create_task(simulator.next_received())
        under_way = asyncio.create_task(push_apart(server))
        await arrival
        server.signal(signal.SIGKILL)
        assert await under_way == 200
        assert await server.served.ended() == -signal.SIGKILL  # and nobody holds its output open any more
        assert sum('"event":"supervisor_gone"' in line for line in server.served.lines) == 2


async def test_a_wrong_key_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    env = {"PUSH_GATEWAY_SERVER__WORKERS": "2"}
    added = await push_gateway("workspace", "list", folder=tmp_path)
    assert added.code == 0
    (tmp_path / "data" / "encryption.keys").write_text("A" * 43 + "=\n")
    ended = await push_gateway("serve", *DOORS, folder=tmp_path, env=env)
    alone = await push_gateway("serve", *DOORS, folder=tmp_path)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err == alone.err
