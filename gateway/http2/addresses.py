"""Where a host is: its addresses, looked up anew for every connection, and a socket to one of them."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping

from gateway.model.address import HostPort
from gateway.model.clock import Clock, time_limit

SHARE = 0.25
"""How much of the time an address may take before the next is tried; the last may take what is left."""
SHUNNED = 60.0
"""Seconds for which an address that has failed comes after all others."""

Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]
Resolve = Callable[[str, int], Awaitable[Collection[Address]]]
"""Return the addresses of a host and port, best first; raises OSError where there are none."""


async def resolve(host: str, port: int) -> list[Address]:
    """Ask the system (getaddrinfo, RFC 6724) for addresses.

    Raises:
        OSError: the name cannot be resolved.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, where) for family, _, _, _, where in found]  # type: ignore[misc] # SOCK_STREAM has ports


def shown(address: Address) -> str:
    """Write an address as people do."""
    return str(HostPort(*address[1][:2]))


class Addresses:
    """Opens sockets to a host, spread over all its addresses; those that have failed come last."""

    def __init__(self, host: str, port: int, clock: Clock, resolve: Resolve) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._resolve = resolve
        self._shunned: dict[str, float] = {}

    async def connect(self, in_use: Mapping[str, int], timeout: float) -> tuple[socket.socket, str]:
        """Connect to the address that is used least.

        Args:
            in_use: how many connections there are to which address, as `shown` writes it.
            timeout: seconds for all attempts.

        Returns:
            The connected socket and the address, as `shown` writes it.

        Raises:
            OSError: none can be reached; socket.gaierror or UnicodeError: the name has none.
            TimeoutError: none answered in time.
        """
        deadline = self._clock.monotonic() + timeout
        found = {shown(address): address for address in await self._resolve(self._host, self._port)}
        self._shunned = {name: until for name, until in self._shunned.items() if name in found}
        *others, last = sorted(found, key=lambda name: (self._is_shunned(name), in_use.get(name, 0)))
        for name in others:
            try:
                return await self._open(found[name], timeout * SHARE), name
            except OSError:
                self.failed(name)
        return await self._open(found[last], deadline - self._clock.monotonic()), last

    def failed(self, name: str) -> None:
        """Hear that nothing good came from an address."""
        self._shunned[name] = self._clock.monotonic() + SHUNNED

    def _is_shunned(self, name: str) -> bool:
        return self._clock.monotonic() < self._shunned.get(name, 0.0)

    async def _open(self, address: Address, timeout: float) -> socket.socket:
        opened = socket.socket(address[0], socket.SOCK_STREAM)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with time_limit(self._clock, timeout):
                await asyncio.get_running_loop().sock_connect(opened, address[1])
        except BaseException:
            opened.close()
            raise
        return opened
