"""The workers of one gateway: kept running, replaced when they end, told what to do."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress

import structlog

from gateway.config import Settings, settings_to_json
from gateway.model.backoff import backoff
from gateway.model.clock import Clock, time_limit
from gateway.observability.merging import Family, lasting, merged
from gateway.supervisor.control import Begin, Drain, Order, Status, Stop
from gateway.supervisor.process import WorkerProcess
from gateway.web.newcomers import turn_away
from gateway.web.pages import Overview

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds until a worker that has ended is replaced."""
STEADY_SECONDS = 60.0
"""A worker that ended after so long was well: its successor is started as after a first failure."""
LOOK_SECONDS = 1.0
MOST_SILENCE = 30
"""Looks without a status after which a worker hangs. Looks, not seconds: while the supervisor itself stood still, it
heard nobody."""
LONGEST_START = 120
"""Looks that a worker has until its door is open: many that start at once are slow."""

log = structlog.stdlib.get_logger("gateway.supervisor")


class Crew:
    """As many workers as the settings say."""

    def __init__(self, settings: Settings, listener: socket.socket, clock: Clock, are_up: Callable[[], None]) -> None:
        """Prepare it.

        Args:
            settings: every worker's.
            listener: what they accept from; closed when they are told to stop.
            clock: for pauses and looks.
            are_up: called once, when every worker has opened its door.
        """
        self._settings = settings_to_json(settings)
        self._listener = listener
        self._clock = clock
        self._are_up = are_up
        self._waiting_to_be_up = set(range(1, settings.server.workers + 1))
        self._first_is_up = asyncio.Event()
        self._orders: list[Order] = []
        self._stopped = asyncio.Event()
        self._past: list[Family] = []
        self.size = settings.server.workers
        self.running: dict[int, WorkerProcess] = {}
        self.overview = Overview()
        """What the worker whose snapshot changed last knows."""
        self.exit_code = 0
        """Of a worker that could not start, for which all had to stop."""

    async def run(self) -> None:
        """Keep all workers running until they are told to stop, or one cannot start; return when all have ended."""
        watching = asyncio.create_task(self._watch(), name="watch over workers")
        try:
            await asyncio.gather(*(self._keep(number) for number in range(1, self.size + 1)))
        finally:
            watching.cancel()

    async def drain(self) -> None:
        """Let all say that the gateway shuts down, and go on."""
        await self._order(Drain())

    async def stop(self) -> None:
        """Turn newcomers away, and let all take in who waits, finish, and end."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._first_is_up.set()
            turn_away(self._listener)
            await self._order(Stop())
            self._listener.close()

    def metrics(self) -> list[Family]:
        """Return the sum over all workers, with what those counted that have ended."""
        return merged([*self._past, *self._families()])

    def _families(self) -> Iterator[Family]:
        for worker in self.running.values():
            if worker.last is not None:
                yield from worker.last.metrics

    async def _keep(self, number: int) -> None:
        """Keep one worker running. The first begins alone: it makes the store, or says alone what is wrong."""
        if number > 1:
            await self._first_is_up.wait()
        failures = 0
        while not self._stopped.is_set():
            began = self._clock.monotonic()
            how = await self._run_one(number)
            if self._stopped.is_set():
                return
            failures = 1 if self._clock.monotonic() - began >= STEADY_SECONDS else failures + 1
            pause = backoff(failures, FIRST_PAUSE, LONGEST_PAUSE)
            log.error("worker_ended", worker=number, **how, again_in=round(pause, 1))
            await self._pause(pause)

    async def _run_one(self, number: int) -> dict[str, object]:
        """Run a worker to its end, and say how it ended."""
        try:
            worker = await WorkerProcess.start(Begin(number, self._settings), self._listener)
        except OSError as error:
            return {"error": error.strerror}
        self.running[number] = worker
        for order in self._orders:
            await worker.tell(order)
        code = await worker.ended(self._heard)
        del self.running[number]
        if worker.last is not None:
            self._past = merged([*self._past, *lasting(worker.last.metrics)])
        if code > 0 and self._waiting_to_be_up:
            self.exit_code = code
            await self.stop()
        return {"signal": signal.Signals(-code).name} if code < 0 else {"exit_code": code}

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with time_limit(self._clock, seconds):
                await self._stopped.wait()

    async def _order(self, order: Order) -> None:
        self._orders.append(order)
        for worker in list(self.running.values()):
            await worker.tell(order)

    def _heard(self, worker: WorkerProcess, said: Status) -> None:
        self.overview = said.overview or self.overview
        self._first_is_up.set()
        if self._waiting_to_be_up:
            self._waiting_to_be_up.discard(worker.number)
            if not self._waiting_to_be_up:
                self._are_up()

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            for worker in self.running.values():
                worker.silence += 1
                if worker.silence == (MOST_SILENCE if worker.is_up else LONGEST_START):
                    log.error("worker_hangs", worker=worker.number)
                    worker.kill()
