"""The supervisor: binds the doors, keeps the workers, and is the operator's door."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import msgspec
import structlog

from gateway.config import Settings
from gateway.model.address import HostPort
from gateway.model.clock import Clock
from gateway.observability.merging import merged, render
from gateway.observability.processes import process_families
from gateway.supervisor.crew import Crew
from gateway.supervisor.process import WorkerProcess
from gateway.web.doors import operator_door
from gateway.web.health import Readiness
from gateway.web.listening import BACKLOG, Listener, bind
from gateway.web.pages import OperatorPage, load_templates

log = structlog.stdlib.get_logger("gateway.supervisor")


class Supervisor(msgspec.Struct, frozen=True):
    """A gateway of several workers that runs."""

    crew: Crew
    readiness: Readiness
    ended: "asyncio.Task[None]"
    """Done when all workers have ended."""

    async def drain(self) -> None:
        """Say at both doors that the gateway shuts down, and go on."""
        self.readiness.draining = True
        await self.crew.drain()


@asynccontextmanager
async def supervising(settings: Settings, clock: Clock) -> AsyncIterator[Supervisor]:
    """Run workers until the block ends; then let everything inside them finish.

    Raises:
        SettingsError: an address cannot be listened on.
    """
    server = settings.server
    with (
        await asyncio.to_thread(bind, server.listen) as public,
        await asyncio.to_thread(bind, server.operator_listen) as private,
    ):
        public.listen(BACKLOG)  # whoever comes before the first worker is up waits for it
        crew = Crew(settings, public, clock, lambda: _say_listening(public, operator))
        readiness = Readiness(partial(_needs, crew), partial(_troubles, crew))
        page = OperatorPage(lambda: crew.overview, readiness, clock, partial(_how_many, crew))
        app = operator_door(page, partial(_scrape, crew), readiness, await asyncio.to_thread(load_templates))
        operator = Listener(app, private, clock, server.drain_timeout)
        await operator.open()
        ended = asyncio.create_task(crew.run(), name="workers")
        try:
            yield Supervisor(crew, readiness, ended)
        finally:
            readiness.draining = True
            await crew.stop()
            await asyncio.gather(ended, operator.close())


def _say_listening(public: socket.socket, operator: Listener) -> None:
    address = HostPort(*public.getsockname()[:2])
    log.info("listening", public=str(address), operator=str(operator.address))


async def _scrape(crew: Crew) -> bytes:
    """Write all metrics: the workers' sum, and the system's of each process."""
    processes = {"supervisor": os.getpid(), **{str(number): one.pid for number, one in crew.running.items()}}
    return render([*crew.metrics(), *merged(await asyncio.to_thread(process_families, processes))])


def _how_many(crew: Crew) -> str:
    up = sum(worker.is_up for worker in crew.running.values())
    return f"{up} of {crew.size} workers are up."


def _needs(crew: Crew) -> dict[str, str]:
    """Name what is missing, and which workers it is missing in; nothing as long as one of them is ready."""
    needs = {number: _needs_of(crew.running.get(number)) for number in range(1, crew.size + 1)}
    return _with_numbers(needs) if all(needs.values()) else {}


def _troubles(crew: Crew) -> dict[str, str]:
    """Name what is wrong, and in which workers."""
    return _with_numbers({number: one.last.troubles for number, one in crew.running.items() if one.last is not None})


def _with_numbers(by_worker: Mapping[int, Mapping[str, str]]) -> dict[str, str]:
    sentences = {name: sentence for own in by_worker.values() for name, sentence in own.items()}
    return {
        name: f"{sentence} (worker {', '.join(str(number) for number, own in by_worker.items() if name in own)})"
        for name, sentence in sentences.items()
    }


def _needs_of(worker: WorkerProcess | None) -> dict[str, str]:
    return {"door": "the public door is not open yet"} if worker is None or worker.last is None else worker.last.needs
