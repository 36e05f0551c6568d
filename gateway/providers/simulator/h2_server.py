"""A door that speaks HTTP/2 over TLS."""

import asyncio
import socket
import ssl

from gateway.providers.simulator.exchange import Service
from gateway.providers.simulator.h2_connection import Connection
from gateway.providers.simulator.h2_faults import FaultyConnection

_GOODBYE_SECONDS = 1.0


class H2Server:
    """Serves one `Service` on one socket."""

    def __init__(self, service: Service, tls: ssl.SSLContext) -> None:
        self._service = service
        self._tls = tls
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, door: socket.socket) -> None:
        """Listen on a bound socket and own it from now on."""
        self._server = await asyncio.get_running_loop().create_server(
            self._connect,
            sock=door,
            ssl=self._tls,
            ssl_shutdown_timeout=_GOODBYE_SECONDS,
        )

    def _connect(self) -> Connection:
        return FaultyConnection(self._service, self._connections)

    async def stop(self) -> None:
        """Take no more connections, say GOAWAY on the open ones, and see them closed; again is harmless."""
        if self._server is None:
            return
        self._server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.say_goodbye()
        self._server = None
        await asyncio.gather(*(connection.closed for connection in connections))


def server_tls(certificate: str, client_authority_pem: str | None = None) -> ssl.SSLContext:
    """Make the TLS settings of a door. Blocks (reads files).

    Args:
        certificate: path of a PEM file, certificate and private key.
        client_authority_pem: when given, clients may show a certificate, and it must be signed by this authority.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.set_alpn_protocols(["h2"])
    tls.load_cert_chain(certificate)
    if client_authority_pem is not None:
        tls.verify_mode = ssl.CERT_OPTIONAL
        tls.load_verify_locations(cadata=client_authority_pem)
    return tls
