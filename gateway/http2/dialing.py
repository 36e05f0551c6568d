"""Making a connection: address, TCP, perhaps a proxy, TLS, and the peer's first word."""

import asyncio
import socket
import ssl
from collections.abc import Mapping

from gateway.http2.addresses import Addresses, Resolve
from gateway.http2.connection import Connection
from gateway.http2.errors import NotSent
from gateway.http2.proxy import Proxy, pass_through
from gateway.http2.values import Origin
from gateway.model.clock import Clock

GOODBYE = 2.0
"""Seconds that a peer has to answer our closing of TLS."""


class Dialer:
    """Makes the connections of one pool."""

    def __init__(
        self, origin: Origin, tls: ssl.SSLContext, proxy: Proxy | None, resolve: Resolve, clock: Clock, timeout: float
    ) -> None:
        """Allow `timeout` seconds for everything up to the peer's SETTINGS."""
        self._origin = origin
        self._tls = tls
        self._proxy = proxy
        self._addresses = Addresses((proxy or origin).host, (proxy or origin).port, clock, resolve)
        self._clock = clock
        self._timeout = timeout

    async def dial(self, connection: Connection, in_use: Mapping[str, int]) -> None:
        """Connect, and wait until the peer has sent its SETTINGS, for they say how many streams there may be.

        Args:
            connection: what shall speak there.
            in_use: how many connections there are to which address.

        Raises:
            NotSent: that did not come about in time; the connection is closed.
        """
        attempt = asyncio.create_task(self._attempt(connection, in_use))
        timer = self._clock.call_later(self._timeout, attempt.cancel)
        try:
            await asyncio.wait((attempt,))
        except asyncio.CancelledError:
            attempt.cancel()
            await asyncio.wait((attempt,))
            connection.end("closed")  # it may just have been made
            raise
        finally:
            timer.cancel()
            reason = _reason(connection, attempt)
            if reason is not None:
                connection.end(reason)
        if reason is not None:
            self._addresses.failed(connection.address)
            raise NotSent(reason)

    async def _attempt(self, connection: Connection, in_use: Mapping[str, int]) -> None:
        opened = await self._reach(connection, in_use)
        if self._proxy is not None:
            await self._pass(opened, self._proxy)
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: connection,
            sock=opened,
            ssl=self._tls,
            server_hostname=self._origin.host,
            ssl_shutdown_timeout=GOODBYE,
        )
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            connection.end("no_h2")
        await connection.settled

    async def _reach(self, connection: Connection, in_use: Mapping[str, int]) -> socket.socket:
        try:
            opened, connection.address = await self._addresses.connect(in_use, self._timeout)
        except (OSError, UnicodeError):
            if self._proxy is not None:
                raise NotSent("proxy_failed") from None
            raise
        return opened

    async def _pass(self, opened: socket.socket, proxy: Proxy) -> None:
        try:
            await pass_through(opened, proxy, self._origin.target)
        except BaseException:
            opened.close()
            raise


def _reason(connection: Connection, attempt: "asyncio.Task[None]") -> str | None:
    """Tell why an attempt that is over failed; None where it did not."""
    if attempt.cancelled():
        return "connect_timeout"
    match attempt.exception():
        case None:
            return connection.ended_by
        case NotSent() as error:
            return error.reason
        case TimeoutError():
            return "connect_timeout"
        case socket.gaierror() | UnicodeError():  # a name that no DNS label can hold
            return "dns_failed"
        case ssl.SSLError():
            return "tls_failed"
    return "connect_failed"  # whatever it was: who waits must be told, and the next attempt must be put off
