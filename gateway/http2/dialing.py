"""Making a connection: name, TCP, TLS, and the peer's first word."""

import asyncio
import socket
import ssl

from gateway.http2.connection import Connection
from gateway.http2.errors import NotSent
from gateway.http2.values import Origin
from gateway.model.clock import Clock

GOODBYE = 2.0
"""Seconds that a peer has to answer our closing of TLS."""


async def dial(connection: Connection, origin: Origin, tls: ssl.SSLContext, clock: Clock, timeout: float) -> None:
    """Connect, and wait until the peer has sent its SETTINGS, for they say how many streams there may be.

    Raises:
        NotSent: that did not come about within `timeout` seconds; the connection is closed.
    """
    attempt = asyncio.create_task(_connect(connection, origin, tls))
    timer = clock.call_later(timeout, attempt.cancel)
    try:
        await asyncio.wait((attempt,))
    except asyncio.CancelledError:
        attempt.cancel()
        await asyncio.wait((attempt,))
        raise
    finally:
        timer.cancel()
        reason = _reason(connection, attempt)
        if reason is not None:
            connection.end(reason)
    if reason is not None:
        raise NotSent(reason)


async def _connect(connection: Connection, origin: Origin, tls: ssl.SSLContext) -> None:
    transport, _ = await asyncio.get_running_loop().create_connection(
        lambda: connection,
        origin.host,
        origin.port,
        ssl=tls,
        server_hostname=origin.host,
        ssl_shutdown_timeout=GOODBYE,
    )
    if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
        connection.end("no_h2")
    await connection.settled


def _reason(connection: Connection, attempt: "asyncio.Task[None]") -> str | None:
    """Tell why an attempt that is over failed; None where it did not."""
    if attempt.cancelled():
        return "connect_timeout"
    match attempt.exception():
        case None:
            return connection.ended_by
        case socket.gaierror() | UnicodeError():  # a name that no DNS label can hold
            return "dns_failed"
        case ssl.SSLError():
            return "tls_failed"
    return "connect_failed"  # whatever it was: who waits must be told, and the next attempt must be put off
