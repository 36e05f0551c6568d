"""A pool of connections to one origin with one set of credentials."""

import asyncio
import ssl
from collections import Counter
from contextlib import suppress
from typing import ClassVar

from gateway.http2.addresses import Resolve, resolve
from gateway.http2.backoff import Backoff
from gateway.http2.connection import Connection
from gateway.http2.deadlines import Deadlines
from gateway.http2.dialing import Dialer
from gateway.http2.errors import NotSent, Unanswered
from gateway.http2.frames import MAX_STREAM
from gateway.http2.line import Line
from gateway.http2.proxy import Proxy
from gateway.http2.statistics import Tally
from gateway.http2.stream import Call
from gateway.http2.values import Limits, Origin, Request, Response
from gateway.model.clock import Clock, time_limit
from gateway.model.traffic import PoolStatistics

MAX_ATTEMPTS = 5
"""How often a request is given to a connection when it keeps coming back untouched."""
_DEFAULTS = Limits()


class Pool:
    """Sends requests over as few connections as they need, and replaces those that end.

    While connections cannot be made, requests fail with `NotSent` at once, and attempts are further and further apart.
    Requests wait a little for a peer that is there, and only sends its connections away.
    """

    last_stream: ClassVar[int] = MAX_STREAM
    """The stream number with which a connection is worn out."""

    def __init__(
        self,
        origin: Origin,
        tls: ssl.SSLContext,
        *,
        clock: Clock,
        limits: Limits = _DEFAULTS,
        proxy: Proxy | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        """Open nothing yet.

        Args:
            origin: the host.
            tls: a client context that offers `h2` by ALPN and verifies as its maker decided.
            clock: for deadlines, backoff and health checks.
            limits: bounds; the defaults suit Apple and Google.
            proxy: what stands between us and the host.
            resolve: asks for the addresses of the host, or of the proxy, whenever a connection is made.
        """
        self._authority = origin.authority
        self._clock = clock
        self._limits = limits
        self._dialer = Dialer(origin, tls, proxy, resolve, clock, limits.connect_timeout)
        self._connections: list[Connection] = []
        self._line = Line()
        self._dialing: asyncio.Task[None] | None = None
        self._backoff = Backoff(clock, self.has_room)
        self._deadlines = Deadlines(clock, self._expire)
        self._is_closed = False
        self._closing: set[asyncio.Future[None]] = set()
        self._tally = Tally()

    async def send(self, request: Request, *, timeout: float) -> Response:
        """Send one request and return its answer, whatever its status.

        Args:
            request: the request.
            timeout: seconds for everything: a connection, a stream, window, the answer; kept to a 64th of a second.

        Raises:
            NotSent: nothing of it can have been processed.
            Unanswered: it may have been processed.
        """
        if self._is_closed or timeout <= 0:
            raise NotSent("closed" if self._is_closed else "deadline")
        call, now = Call(request, asyncio.get_running_loop().create_future()), self._clock.monotonic()
        self._tally.requests += 1
        self._enter(call, now)
        self._deadlines.add(call, now + timeout)
        try:
            return await call.answer
        finally:
            self._deadlines.remove(call)
            if call.answer.cancelled():
                self._withdraw(call, is_overdue=False)

    def statistics(self) -> PoolStatistics:
        """Return the pool as it is now."""
        connections = [connection.statistics() for connection in self._connections]
        return self._tally.statistics(connections, int(self._dialing is not None), len(self._line))

    async def aclose(self, grace: float = 0.0) -> None:
        """Take nothing more, give what is under way `grace` seconds, close every connection.

        What waits for a stream fails with `NotSent`, what is still open after `grace` with `Unanswered`.
        """
        self._is_closed = True
        self._line.fail("closed")
        if self._dialing is not None:
            self._dialing.cancel()
            await asyncio.wait((self._dialing,))
        under_way = [call.answer for connection in self._connections for call in connection.calls()]
        if under_way and grace > 0:
            with suppress(TimeoutError):
                async with time_limit(self._clock, grace):
                    await asyncio.wait(under_way)
        for connection in list(self._connections):
            connection.end("closed")
        self._backoff.stop()
        self._deadlines.stop()
        if self._closing:
            await asyncio.wait(self._closing)

    # What connections tell.

    def has_room(self) -> None:
        """Let those who wait longest go first."""
        while self._line:
            connection = self._roomiest()
            if connection is None:
                self._grow()
                return
            call = self._line.next()
            if not call.answer.done():  # one that was cancelled or told "not sent" may not have woken up yet
                self._start(call, connection, self._clock.monotonic())

    def not_sent(self, call: Call, error: NotSent) -> None:
        """Give a request that came back untouched to another stream, before all who wait."""
        if call.answer.done():
            return
        if call.attempts >= MAX_ATTEMPTS or self._is_closed:
            call.fail(error)
            return
        self._tally.retries += 1
        self._line.rejoin(call)
        asyncio.get_running_loop().call_soon(self.has_room)

    def went_away(self, connection: Connection, reason: str) -> None:
        """Count a GOAWAY."""
        self._tally.went_away(reason)
        self._judge(connection, "goaway")

    def ended(self, connection: Connection) -> None:
        """Let go of a connection."""
        if connection.closed is not None and not connection.closed.done():
            self._closing.add(connection.closed)
            connection.closed.add_done_callback(self._closing.discard)
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        self._judge(connection, connection.ended_by or "connection_lost")
        self.has_room()

    def _judge(self, connection: Connection, reason: str) -> None:
        """Take a connection that is no more for what it was: one that has answered nothing is as bad as none."""
        if connection.statistics().answered:
            self._backoff.succeeded()
        elif not connection.standing.is_leaving:
            self._backoff.let_down(reason)

    # Requests.

    def _enter(self, call: Call, now: float) -> None:
        connection = None if self._line else self._roomiest()
        if connection is not None:
            self._start(call, connection, now)
        elif len(self._line) >= self._limits.max_waiting:
            raise NotSent("queue_full")
        else:
            self._line.join(call)
            self.has_room()

    def _start(self, call: Call, connection: Connection, now: float) -> None:
        call.attempts += 1
        try:
            connection.start(call, now)
        except NotSent as error:
            call.fail(error)
        if connection.standing.is_worn_out and all(other.standing.is_worn_out for other in self._connections):
            self._grow()

    def _expire(self, calls: tuple[Call, ...]) -> None:
        """Fail all of them before their room is given to others."""
        for call in calls:
            call.fail(NotSent("deadline") if call.stream is None else Unanswered("deadline"))
        for call in calls:
            self._withdraw(call, is_overdue=True)

    def _withdraw(self, call: Call, is_overdue: bool) -> None:
        """Leave nothing behind of a call that nobody waits for any more."""
        if call.stream is not None:
            call.stream.carrier.abandon(call.stream, is_overdue)
        else:
            self._line.leave(call)

    # Connections.

    def _roomiest(self) -> Connection | None:
        """Choose the connection with the most room, which spreads a burst over all."""
        best, most = None, 0
        for connection in self._connections:
            if (room := connection.standing.room) > most:
                best, most = connection, room
        return best

    def _grow(self) -> None:
        """Open one more connection, unless one is coming, all we may have are there, or one is still warming up."""
        fresh = [connection for connection in self._connections if not connection.standing.is_worn_out]
        if self._dialing is not None or self._is_closed or len(fresh) >= self._limits.max_connections:
            return
        if any(connection.standing.wants_patience for connection in fresh):
            return
        if not self._backoff.is_on:
            self._dialing = asyncio.create_task(self._dial(), name=f"http2 to {self._authority}")
        elif self._is_stranded and not self._backoff.is_worth_waiting:
            self._line.fail(self._backoff.reason)

    async def _dial(self) -> None:
        connection = Connection(self, self._authority, self._clock, self._limits, self.last_stream)
        try:
            await self._dialer.dial(connection, Counter(other.address for other in self._connections))
        except NotSent as error:
            self._not_made(connection, error.reason)
        else:
            self._connections.append(connection)
        finally:
            self._dialing = None
        self.has_room()

    def _not_made(self, connection: Connection, reason: str) -> None:
        """Put the next attempt off, and tell those who wait; a peer that said goodbye has been judged already."""
        if connection.standing.is_leaving:
            return
        self._backoff.failed(reason)
        if self._is_stranded:
            self._line.fail(reason)

    @property
    def _is_stranded(self) -> bool:
        """Tell whether no connection is left on which a stream could ever be opened."""
        return all(connection.standing.is_leaving for connection in self._connections)
