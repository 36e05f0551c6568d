"""What goes in, what comes out, and what may be asked about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from gateway.model.address import HostPort

Headers = tuple[tuple[str, str], ...]
"""Names in lower case."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A host to connect to by TLS."""

    host: str
    port: int = 443

    @property
    def authority(self) -> str:
        """The `:authority` of requests to it."""
        return self.target.removesuffix(":443")

    @property
    def target(self) -> str:
        """The host and port, as a CONNECT names them."""
        return str(HostPort(self.host, self.port))

    @classmethod
    def parse(cls, url: str) -> "Origin":
        """Read the origin of an https URL.

        Raises:
            ValueError: it is no such URL.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError(f"Expected a URL such as https://host:443, got {url!r}")
        return cls(parts.hostname, parts.port or 443)


class Request(msgspec.Struct, frozen=True, gc=False):
    """A POST, of printable ASCII but for its body.

    `constant` headers repeat from request to request: each enters the peer's table once and is a byte or two from then
    on. `varying` ones are sent as they are and enter no table.
    """

    path: str
    constant: Headers
    varying: Headers
    body: bytes

    def __repr__(self) -> str:
        return f"Request({len(self.body)} bytes)"


class Response(msgspec.Struct, frozen=True, gc=False):
    """An answer; of a body over the limit only the beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a pool; times are seconds.

    `max_waiting` requests may wait for a stream. A connection quiet for `idle_ping_after`, or with requests under way
    for `busy_ping_after`, is asked whether it lives, and given up when it has not said so after `ping_timeout`.
    """

    max_connections: int = 8
    max_waiting: int = 10_000
    max_response_body: int = 65_536
    connect_timeout: float = 8.0
    idle_ping_after: float = 300.0
    busy_ping_after: float = 2.0
    ping_timeout: float = 5.0
