"""One worker process, as the supervisor sees it."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import msgspec
import structlog

from gateway.supervisor.control import Begin, Channel, Order, Status

log = structlog.stdlib.get_logger("gateway.supervisor")


class WorkerProcess:
    """A worker that has been started."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.number = number
        self._process = process
        self._channel = channel
        self.last: Status | None = None
        """What it said last; None until its door is open."""
        self.silence = 0
        """Looks by the supervisor since it said something."""

    @classmethod
    async def start(cls, begin: Begin, listener: socket.socket) -> Self:
        """Start one in a fresh interpreter that accepts from `listener`.

        Raises:
            OSError: the system starts no more processes.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await _spawn(theirs.fileno(), listener.fileno())
            except BaseException:
                ours.close()
                raise
        worker = cls(begin.number, process, await Channel.over(ours))
        with suppress(ConnectionError):  # it ended at once; whoever waits for its end hears of it
            await worker._channel.send(begin)
        return worker

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_up(self) -> bool:
        """Tell whether its door is open."""
        return self.last is not None

    async def tell(self, order: Order) -> None:
        """Give an order; one that has ended hears none."""
        with suppress(ConnectionError):
            await self._channel.send(order)

    async def ended(self, heard: Callable[["WorkerProcess", Status], None]) -> int:
        """Hear what it says until it ends; return its exit code, or its signal as a negative number."""
        try:
            while isinstance(said := await self._channel.receive(), Status):
                if not self.is_up:
                    log.info("worker_up", worker=self.number, pid=self.pid)
                self.last, self.silence = said, 0
                heard(self, said)
        except msgspec.DecodeError as error:
            log.error("worker_not_understood", worker=self.number, error=str(error))
            self.kill()
        code = await self._process.wait()
        await self._channel.close()
        return code

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            self._process.kill()


async def _spawn(control: int, listener: int) -> asyncio.subprocess.Process:
    """Run this very program as a worker, in a session of its own: Ctrl-C at a terminal is the supervisor's alone."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "gateway",
        "worker",
        f"--control={control}",
        f"--listener={listener}",
        stdin=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        pass_fds=(control, listener),
        start_new_session=True,
    )
