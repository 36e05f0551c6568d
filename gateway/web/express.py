"""The express lane of the public door: whole push requests are taken and answered without a web framework.

A refused push so costs less than a third of what it does by way of aiohttp's server, and a server that floods the
gateway with pushes which are refused costs the others little. Whatever else a connection brings (a page's request, a
body that comes in pieces, several requests in one piece, HTTP that is none) goes to aiohttp with the first octet of it,
and the connection then stays there.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, cast

from gateway.model.clock import Clock
from gateway.rocketchat.answer import Answer
from gateway.web.health import Readiness
from gateway.web.protocol import HEAD_SECONDS, IDLE_SECONDS
from gateway.web.push import PushDoor
from gateway.web.whole_request import RequestReader, WholeRequest
from gateway.web.written import Writer

Otherwise = Callable[[], asyncio.Protocol]
"""Makes the protocol that a connection goes on with which brings something else."""


class ExpressLane:
    """All connections that have brought nothing but whole push requests."""

    def __init__(self, push: PushDoor, readiness: Readiness, clock: Clock) -> None:
        self.push = push
        self.clock = clock
        self.writer = Writer(clock)
        self.connections: set[ExpressConnection] = set()
        self.serving: set[asyncio.Task[None]] = set()
        self._readiness = readiness

    @property
    def is_ending(self) -> bool:
        """Whether every answer is the last of its connection."""
        return self._readiness.draining

    def serve(self, serving: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """See one request through to its answer, whether or not its connection lasts."""
        task = asyncio.get_running_loop().create_task(serving)
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)
        return task

    async def close(self, grace: float) -> None:
        """Let go of who is idle, and answer who is not; what takes longer than `grace` seconds is broken off.

        The gateway is draining: every answer is the last of its connection.
        """
        for connection in set(self.connections):
            connection.leave()
        if self.serving:
            _, late = await asyncio.wait(self.serving, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


class ExpressConnection(asyncio.Protocol):
    """One connection; its requests are answered one after the other."""

    def __init__(self, lane: ExpressLane, otherwise: Otherwise) -> None:
        self._lane = lane
        self._otherwise = otherwise
        self._serving: asyncio.Task[None] | None = None
        self._waiting = b""
        self._is_clogged = self._is_last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the client some seconds to say what it wants."""
        self._transport = cast(asyncio.Transport, transport)
        if (connected := transport.get_extra_info("socket")) is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._reader = RequestReader((transport.get_extra_info("peername") or ("",))[0])
        self._lane.connections.add(self)
        self._idle_until = self._lane.clock.monotonic() + HEAD_SECONDS
        self._timer = self._lane.clock.call_later(HEAD_SECONDS, self._close_if_idle)

    def data_received(self, data: bytes) -> None:
        """Take a push request; what comes while another is answered waits for its turn."""
        if self._serving or self._is_clogged:
            self._waiting += data
            self._transport.pause_reading()
        elif not self._transport.is_closing():
            self._take(data)

    def _take(self, data: bytes) -> None:
        request = self._reader.read(data)
        if request is None:
            self._hand_over(data)
        else:
            self._serving = self._lane.serve(self._serve(request))

    def _hand_over(self, data: bytes) -> None:
        self._timer.cancel()
        self._lane.connections.discard(self)
        protocol = self._otherwise()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(data)

    async def _serve(self, request: WholeRequest) -> None:
        keeps_alive = False
        try:
            answer = await self._lane.push.handle(request.endpoint, request.sender, request.read)
            keeps_alive = self._answer(answer, request.keeps_alive)
        finally:
            self._serving = None
            self._idle_until = self._lane.clock.monotonic() + IDLE_SECONDS
            if keeps_alive:
                self._go_on()
            else:
                self._transport.close()

    def _answer(self, answer: Answer, keeps_alive: bool) -> bool:
        """Write an answer and say whether another may follow."""
        if self._transport.is_closing():
            return False
        keeps_alive = keeps_alive and not self._is_last and not self._lane.is_ending
        self._transport.write(self._lane.writer.written(answer, keeps_alive))
        return keeps_alive

    def _go_on(self) -> None:
        if self._waiting and not self._is_clogged:
            data, self._waiting = self._waiting, b""
            self._transport.resume_reading()
            self.data_received(data)

    def pause_writing(self) -> None:
        """Read nothing more from a client that does not read its answers."""
        self._is_clogged = True

    def resume_writing(self) -> None:
        """Go on with a client that has read its answers."""
        self._is_clogged = False
        if not self._serving:
            self._go_on()

    def eof_received(self) -> bool:
        """Answer a client that sends nothing more, if an answer is owed."""
        self._is_last = True
        return self._serving is not None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; the push that it brought comes to its end."""
        self._timer.cancel()
        self._lane.connections.discard(self)

    def leave(self) -> None:
        """Close the connection if nothing is owed on it; a client that does not read its answers is cut off."""
        if self._is_clogged:
            self._transport.abort()
        elif not self._serving:
            self._transport.close()

    def _close_if_idle(self) -> None:
        left = HEAD_SECONDS if self._serving else self._idle_until - self._lane.clock.monotonic()
        if left <= 0:
            self.leave()
        else:
            self._timer = self._lane.clock.call_later(left, self._close_if_idle)
