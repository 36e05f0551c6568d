"""Opening a door, and closing it without refusing anybody."""

import asyncio
import select
import socket
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, cast

from aiohttp import web

from gateway.model.address import HostPort
from gateway.model.clock import Clock
from gateway.model.errors import SettingsError
from gateway.web.express import ExpressConnection, ExpressLane
from gateway.web.newcomers import turn_away
from gateway.web.protocol import IDLE_SECONDS, QuietProtocol

BACKLOG = 1024
QUIET_TURNS = 10
"""Turns of the event loop without a new connection after which nobody is waiting."""
NEWCOMER_SECONDS = 1.0
"""How long a connection just taken in gets to say what it wants when the door closes."""
_TURN = 0.01
_PROTOCOL_OPTIONS: dict[str, Any] = {
    "access_log": None,
    "keepalive_timeout": IDLE_SECONDS,
    "max_line_size": 16_384,
    "max_field_size": 32_768,  # the bearer of Rocket.Chat Cloud is long, and a 400 would be sent again five times
}


def bind(address: HostPort) -> socket.socket:
    """Bind a TCP socket without listening yet; off the event loop, for a host name is looked up.

    Raises:
        SettingsError: the address cannot be had.
    """
    with ExitStack() as cleanup:
        try:
            family, kind, proto, _, where = socket.getaddrinfo(
                address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = cleanup.enter_context(socket.socket(family, kind, proto))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address.host != "::"))
            listener.bind(where)
        except OSError as error:
            why = f"cannot listen on {address}: {error.strerror}; choose another address or port"
            raise SettingsError(why) from None
        cleanup.pop_all()
        return listener


class Listener:
    """One door that is open."""

    def __init__(
        self,
        app: web.Application,
        listener: socket.socket,
        clock: Clock,
        grace: float,
        *,
        express: ExpressLane | None = None,
        is_shared: bool = False,
    ) -> None:
        """Prepare it.

        Args:
            app: what is served.
            listener: a bound socket, closed with the door.
            clock: for deadlines.
            grace: seconds that what is inside gets to finish.
            express: the lane for whole push requests, of a door that takes pushes.
            is_shared: whether other processes accept from the same socket. It is then not this door's to turn
                newcomers away from it; whoever bound it does, before all these doors close.
        """
        self._socket = listener
        self._is_shared = is_shared
        self._clock = clock
        self._grace = grace
        self.express = express
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=grace)
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> HostPort:
        """Where it really listens."""
        host, port = self._socket.getsockname()[:2]
        return HostPort(host, port)

    async def open(self) -> None:
        """Start accepting connections."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        protocol: Callable[[], asyncio.Protocol] = partial(
            QuietProtocol, cast(web.Server, self._runner.server), loop=loop, clock=self._clock, **_PROTOCOL_OPTIONS
        )
        if self.express is not None:
            protocol = partial(ExpressConnection, self.express, protocol)
        self._server = await loop.create_server(protocol, sock=self._socket, backlog=BACKLOG)

    async def close(self) -> None:
        """Take in who is waiting, close the door, let everybody inside finish within the grace."""
        if not self._is_shared:
            turn_away(self._socket)
        await self._take_in_backlog()
        if self._server is not None:
            self._server.close()
        await self._hear_newcomers()
        await asyncio.gather(self._close_express(), self._runner.cleanup())

    async def _close_express(self) -> None:
        if self.express is not None:
            await self.express.close(self._grace)

    async def _take_in_backlog(self) -> None:
        """Accept what the kernel already accepted for us: closing the socket would reset it.

        An accepted connection needs a few turns of the loop until the server knows it.
        """
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        quiet_turns = turns = 0
        while quiet_turns < QUIET_TURNS and turns < BACKLOG:
            quiet_turns = 0 if poll.poll(0) else quiet_turns + 1
            turns += 1
            await asyncio.sleep(0)

    async def _hear_newcomers(self) -> None:
        waited = 0.0
        while self._connections and waited < NEWCOMER_SECONDS:
            await self._clock.sleep(_TURN)
            waited += _TURN

    @property
    def _connections(self) -> int:
        server = self._runner.server
        return len(server.connections if server else ()) + len(self.express.connections if self.express else ())
