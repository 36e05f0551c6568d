"""Where the simulator's doors are, and the sockets behind them."""

import socket
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class SimulatorListen:
    """The doors as "HOST:PORT" ("[::1]:8443" for IPv6); port 0 takes any free one.

    Raises:
        ValueError: an address has no host or no port between 0 and 65535; the message names the door.
    """

    apns: str = "127.0.0.1:8443"
    apns_sandbox: str = "127.0.0.1:8444"
    fcm: str = "127.0.0.1:8445"
    control: str = "127.0.0.1:8446"

    def __post_init__(self) -> None:
        for door in fields(self):
            address = getattr(self, door.name)
            try:
                split_address(address)
            except ValueError as error:
                raise ValueError(f"{door.name}: {error}") from None

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts named, for the server certificate."""
        return frozenset(split_address(getattr(self, door.name))[0] for door in fields(self))


def split_address(address: str) -> tuple[str, int]:
    """Split "HOST:PORT"; IPv6 hosts stand in brackets.

    Raises:
        ValueError: it is not of that form.
    """
    host, _, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or (":" in bare and bare == host) or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"expected HOST:PORT, got {address!r}")
    return bare, int(port)


@dataclass(frozen=True)
class BoundDoors:
    """Sockets that have their ports and do not listen yet, so that files can name them before anyone calls."""

    apns: socket.socket
    apns_sandbox: socket.socket
    fcm: socket.socket
    control: socket.socket

    def close(self) -> None:
        """Give the ports back; harmless when a server closed its socket before."""
        for door in fields(self):
            getattr(self, door.name).close()


def bind_doors(listen: SimulatorListen) -> BoundDoors:
    """Take the ports of all doors, or none. Blocks (name resolution).

    Raises:
        OSError: an address cannot be had; the message names it.
    """
    bound: dict[str, socket.socket] = {}
    try:
        for door in fields(listen):
            bound[door.name] = _bind(getattr(listen, door.name))
    except OSError:
        for taken in bound.values():
            taken.close()
        raise
    return BoundDoors(**bound)


def _bind(address: str) -> socket.socket:
    host, port = split_address(address)
    try:
        family, kind, protocol, _, resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        door = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _named(error, address) from error
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(resolved)
    except OSError as error:
        door.close()
        raise _named(error, address) from error
    return door


def _named(error: OSError, address: str) -> OSError:
    return OSError(error.errno, f"cannot listen on {address}: {error.strerror}")


def url_of(door: socket.socket, scheme: str) -> str:
    """The URL to reach a bound door by from this machine: a wildcard address is reached by loopback."""
    host, port = door.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
