"""Addresses: where a door listens, and who may come through it."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IpAddress = IPv4Address | IPv6Address


class HostPort:
    """Where a door listens; port 0 lets the system choose."""

    __slots__ = ("host", "port")

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port

    def __repr__(self) -> str:
        return f"HostPort({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HostPort) and (self.host, self.port) == (other.host, other.port)

    def __hash__(self) -> int:
        return hash((self.host, self.port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "HostPort":
        """Read `HOST:PORT`; an IPv6 host stands in brackets.

        Raises:
            ValueError: it is something else.
        """
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isdecimal() or int(port) > 65535:
            raise ValueError(f"Expected HOST:PORT such as 127.0.0.1:8080, got {text!r}")
        return cls(host, int(port))


class Network:
    """A range of addresses in CIDR notation."""

    __slots__ = ("_range",)

    def __init__(self, addresses: IPv4Network | IPv6Network) -> None:
        self._range = addresses

    def __repr__(self) -> str:
        return f"Network({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self._range == other._range

    def __hash__(self) -> int:
        return hash(self._range)

    def __str__(self) -> str:
        return str(self._range)

    def __contains__(self, address: IpAddress) -> bool:
        return address in self._range

    @classmethod
    def parse(cls, text: str) -> "Network":
        """Read a CIDR range or a single address.

        Raises:
            ValueError: it is something else.
        """
        try:
            return cls(ip_network(text.strip(), strict=False))
        except ValueError:
            raise ValueError(f"Expected a range such as 10.0.0.0/8 or an address, got {text!r}") from None


def parse_address(text: str) -> IpAddress | None:
    """Read an address as a socket or X-Forwarded-For gives it; one mapped into IPv6 is the IPv4 one meant."""
    try:
        address = ip_address(text.strip().removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
