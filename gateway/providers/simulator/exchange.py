"""What goes through a simulated door: requests, answers, and who makes the one of the other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

Headers = tuple[tuple[str, str], ...]


class Sender(Protocol):
    """The connection a request came on."""

    peer_certificate: bytes | None
    """The client's certificate (DER), when it has shown one that the door's authority signed."""

    def allow_streams(self, limit: int) -> None:
        """Let the client open `limit` streams at a time from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has arrived whole; path, headers and body may hold secrets and stay out of the repr."""

    connection: "Sender" = field(repr=False)
    method: str
    path: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    oversized: bool = False
    """The body was longer than the service's limit; `body` is its beginning."""

    def header(self, name: str) -> str | None:
        """The first header of that (lower-case) name."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler says."""

    status: int
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Service:
    """What is served on a door's connections."""

    handler: Callable[[Request], Awaitable[Answer]]
    body_limit: int
    first_stream_limit: Callable[[bytes | None], int]
    """Streams a new connection may open, given the client's certificate (DER) if it has shown one."""
