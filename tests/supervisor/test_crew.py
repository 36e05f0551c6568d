"""Workers kept running, replaced and ended; they are real processes, and time passes by hand."""

import asyncio
import io
import json
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.config import ServerSettings, Settings, StoreSettings
from gateway.model.address import HostPort
from gateway.model.store_url import StoreUrl
from gateway.observability.logging import configure_logging
from gateway.supervisor.control import Channel
from gateway.supervisor.crew import FIRST_PAUSE, MOST_SILENCE, STEADY_SECONDS, Crew
from gateway.supervisor.process import WorkerProcess
from gateway.supervisor.supervisor import supervising
from gateway.web.listening import bind
from tests.cli.process import PATIENCE, halted
from tests.clock import ManualClock

ANY_PORT = HostPort("127.0.0.1", 0)


def settings(folder: Path, workers: int) -> Settings:
    return Settings(
        server=ServerSettings(listen=ANY_PORT, operator_listen=ANY_PORT, workers=workers),
        store=StoreSettings(url=StoreUrl(f"sqlite:///{folder}/store/gateway.db")),
    )


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    return stream


def lines(log: io.StringIO, event: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == event]


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait until something holds; processes take their time."""

    async def wait(holds: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - anything may hold, not only an event
                await asyncio.sleep(0)

    return wait


@asynccontextmanager
async def working(folder: Path, clock: ManualClock, workers: int) -> AsyncIterator[Crew]:
    """Keep a crew whose workers are all up when the block begins, and have ended when it is over."""
    are_up = asyncio.Event()
    with bind(ANY_PORT) as listener:
        crew = Crew(settings(folder, workers), listener, clock, are_up.set)
        running = asyncio.create_task(crew.run())
        async with asyncio.timeout(PATIENCE):
            await are_up.wait()
        yield crew
        await crew.stop()
        await running


def is_up(crew: Crew, number: int, instead_of: int = 0) -> bool:
    worker = crew.running.get(number)
    return worker is not None and worker.last is not None and worker.pid != instead_of


async def test_a_worker_that_hangs_is_replaced_and_no_other(
    tmp_path: Path, clock: ManualClock, log: io.StringIO, until: Callable[..., Any]
) -> None:
    async with working(tmp_path, clock, 2) as crew:
        hanging, well = crew.running[1].pid, crew.running[2].pid
        async with halted(hanging):
            await clock.advance(1)
            await until(lambda: crew.running[2].silence == 0)  # by now all is heard that the other had said
            await clock.advance(MOST_SILENCE - 1 - crew.running[1].silence)
            await until(lambda: crew.running[2].silence == 0)
            assert crew.running[1].pid == hanging
            await clock.advance(1)
            await until(lambda: lines(log, "worker_ended"))
        await clock.advance(FIRST_PAUSE)
        await until(lambda: is_up(crew, 1, instead_of=hanging))
        assert crew.running[2].pid == well
    assert [line["worker"] for line in lines(log, "worker_hangs")] == [1]
    assert [(line["worker"], line["signal"]) for line in lines(log, "worker_ended")] == [(1, "SIGKILL")]


async def test_a_supervisor_that_stood_still_takes_nobody_for_hanging(tmp_path: Path, log: io.StringIO) -> None:
    """All it missed meanwhile is one look."""

    class Late(ManualClock):
        async def advance(self, seconds: float) -> None:
            self._step_to(self._monotonic + seconds)
            await super().advance(0)

    clock = Late()
    async with working(tmp_path, clock, 1) as crew:
        await clock.advance(10 * MOST_SILENCE)
        assert crew.running[1].silence <= 1
    assert lines(log, "worker_hangs") == []


async def test_a_crash_loop_does_not_spin(
    tmp_path: Path, clock: ManualClock, log: io.StringIO, until: Callable[..., Any]
) -> None:
    async with working(tmp_path, clock, 1) as crew:
        for times in (1, 2, 3):
            killed = crew.running[1].pid
            os.kill(killed, signal.SIGKILL)
            await until(lambda times=times: len(lines(log, "worker_ended")) == times)
            await clock.advance(FIRST_PAUSE * 2**times / 4 - 0.001)
            assert crew.running == {}
            await clock.advance(FIRST_PAUSE * 2**times / 4 + 0.001)
            await until(lambda killed=killed: is_up(crew, 1, instead_of=killed))
        for _ in range(round(STEADY_SECONDS / MOST_SILENCE) + 1):
            await clock.advance(MOST_SILENCE - 1)
            await until(lambda: crew.running[1].silence == 0)
        os.kill(crew.running[1].pid, signal.SIGKILL)
        await until(lambda: len(lines(log, "worker_ended")) == 4)
        assert lines(log, "worker_ended")[3]["again_in"] <= FIRST_PAUSE
        await clock.advance(FIRST_PAUSE)
        await until(lambda: is_up(crew, 1))


@contextmanager
def few_descriptors(room: int) -> Iterator[None]:
    """Let the system open only so many more files or sockets for this process."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    with suppress(OSError):
        while True:
            taken.append(os.dup(0))
    for _ in range(room):
        os.close(taken.pop())
    try:
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("room", [0, 2], ids=["no channel", "no process"])
async def test_a_system_that_starts_nothing_now_is_asked_again(
    tmp_path: Path, clock: ManualClock, log: io.StringIO, until: Callable[..., Any], room: int
) -> None:
    async with working(tmp_path, clock, 1) as crew:
        killed = crew.running[1].pid
        os.kill(killed, signal.SIGKILL)
        await until(lambda: lines(log, "worker_ended"))
        with few_descriptors(room):
            await clock.advance(FIRST_PAUSE)
            await until(lambda: len(lines(log, "worker_ended")) == 2)
        await clock.advance(2 * FIRST_PAUSE)
        await until(lambda: is_up(crew, 1, instead_of=killed))
    assert [line.get("error") for line in lines(log, "worker_ended")] == [None, "Too many open files"]


async def test_a_stop_does_not_wait_for_a_pause(
    tmp_path: Path, clock: ManualClock, log: io.StringIO, until: Callable[..., Any]
) -> None:
    async with working(tmp_path, clock, 2) as crew:
        os.kill(crew.running[1].pid, signal.SIGKILL)
        await until(lambda: lines(log, "worker_ended"))
        assert set(crew.running) == {2}
    assert crew.running == {}
    assert crew.exit_code == 0


async def test_who_is_started_while_all_drain_drains_too(
    tmp_path: Path, clock: ManualClock, log: io.StringIO, until: Callable[..., Any]
) -> None:
    async with supervising(settings(tmp_path, 2), clock) as supervisor, aiohttp.ClientSession() as session:
        await until(lambda: lines(log, "listening"))
        await supervisor.drain()
        for number in (1, 2):
            killed = supervisor.crew.running[number].pid
            os.kill(killed, signal.SIGKILL)
            await until(lambda number=number: len(lines(log, "worker_ended")) == number)
            await clock.advance(FIRST_PAUSE)
            await until(lambda number=number, killed=killed: is_up(supervisor.crew, number, instead_of=killed))
        async with session.get(f"http://{lines(log, 'listening')[0]['public']}/readyz") as answer:
            assert "draining" in (await answer.json())["lacks"]


async def test_it_is_ready_as_soon_as_one_worker_is(
    tmp_path: Path, clock: ManualClock, log: io.StringIO, until: Callable[..., Any]
) -> None:
    async with supervising(settings(tmp_path, 2), clock) as supervisor:
        assert supervisor.readiness.lacks() == {"door": "the public door is not open yet (worker 1, 2)"}
        await until(lambda: is_up(supervisor.crew, 1))
        assert not is_up(supervisor.crew, 2), "the first begins alone"
        await until(lambda: lines(log, "listening"))
        await until(lambda: supervisor.readiness.lacks() == {})
        killed = supervisor.crew.running[2].pid
        os.kill(killed, signal.SIGKILL)
        await until(lambda: 2 not in supervisor.crew.running)
        assert supervisor.readiness.lacks() == {}
    assert next(iter(supervisor.readiness.lacks())) == "draining"


async def test_the_operators_door_tells_of_all_workers(
    tmp_path: Path, clock: ManualClock, log: io.StringIO, until: Callable[..., Any]
) -> None:
    async with supervising(settings(tmp_path, 2), clock) as supervisor, aiohttp.ClientSession() as session:
        await until(lambda: lines(log, "listening"))
        operator = f"http://{lines(log, 'listening')[0]['operator']}"
        killed = supervisor.crew.running[1].pid
        os.kill(killed, signal.SIGKILL)
        await until(lambda: lines(log, "worker_ended"))
        async with session.get(operator) as page:
            text = await page.text()
        assert "1 of 2 workers are up." in text
        assert "Ready: 0 apps," in text
        async with session.get(f"{operator}/metrics") as answer:
            text = await answer.text()
        assert "\npush_records_written_total 0.0\n" in text
        assert 'process_start_time_seconds{worker="supervisor"}' in text
        assert 'process_start_time_seconds{worker="2"}' in text
        assert 'worker="1"' not in text


async def test_a_worker_of_another_version_is_ended(log: io.StringIO) -> None:
    """The program may have been replaced under a supervisor that still runs."""
    ours, theirs = socket.socketpair()
    process = await asyncio.create_subprocess_exec("sleep", "60")
    worker = WorkerProcess(3, process, await Channel.over(ours))
    with theirs:
        theirs.sendall(b"\0\0\0\1\xc1")
        assert await worker.ended(lambda _worker, _said: None) == -signal.SIGKILL
        worker.kill()  # harmless by then
    assert [line["worker"] for line in lines(log, "worker_not_understood")] == [3]
