"""Making a connection: name, TCP, TLS, and the peer's first word."""

import asyncio
import socket
import ssl

from gateway.http2.connection import Connection
from gateway.http2.errors import NotSent
from gateway.http2.values import Origin


async def dial(connection: Connection, origin: Origin, tls: ssl.SSLContext, timeout: float) -> None:
    """Connect, and wait until the peer has sent its SETTINGS, for they say how many streams there may be.

    Raises:
        NotSent: that did not come about within `timeout` seconds; the connection is closed.
    """
    try:
        async with asyncio.timeout(timeout):
            await _connect(connection, origin, tls)
            settled = await connection.settled
    except (OSError, asyncio.CancelledError) as error:
        reason = _reason(error)
        connection.end(reason)
        if isinstance(error, asyncio.CancelledError):
            raise
        raise NotSent(reason) from error
    if not settled:
        raise NotSent(connection.ended_by or "connection_lost")


async def _connect(connection: Connection, origin: Origin, tls: ssl.SSLContext) -> None:
    transport, _ = await asyncio.get_running_loop().create_connection(
        lambda: connection, origin.host, origin.port, ssl=tls, server_hostname=origin.host
    )
    if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
        connection.end("no_h2")


def _reason(error: BaseException) -> str:
    match error:
        case TimeoutError():
            return "connect_timeout"
        case socket.gaierror():
            return "dns_failed"
        case ssl.SSLError():
            return "tls_failed"
        case asyncio.CancelledError():
            return "closed"
    return "connect_failed"
