"""What goes through a simulated door: requests, answers, and who makes the one of the other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from gateway.model.clock import Clock

Headers = tuple[tuple[str, str], ...]

Fault = Literal[
    "goaway",
    "goaway_taken",
    "rst",
    "refuse",
    "silent",
    "dead",
    "shrink",
    "window0",
    "reset",
    "close",
    "garbage",
    "cut",
    "early",
    "html",
]
"""What goes wrong between a request and its answer; README.md tells of each."""
NOT_PROCESSED: frozenset[Fault] = frozenset({"goaway", "refuse"})
"""The client is told that its request was not processed, so it must not have been."""
UNANSWERED: frozenset[Fault] = NOT_PROCESSED | {"rst", "silent", "dead", "reset", "close", "garbage"}
"""The client never sees the answer."""


class Sender(Protocol):
    """The connection a request came on."""

    peer_certificate: bytes | None
    """The client's certificate (DER), when it has shown one that the door's authority signed."""


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
    """What a handler says, and what becomes of it on the connection."""

    status: int
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)
    delay: float = 0.0
    """Seconds to hold it back."""
    stream_limit: int | None = None
    """How many streams the client may open at a time from this answer on; None: as many as before."""
    fault: Fault | None = None


@dataclass(frozen=True)
class Service:
    """What is served on a door's connections."""

    handler: Callable[[Request], Awaitable[Answer]]
    body_limit: int
    first_stream_limit: Callable[[bytes | None], int]
    """Streams a new connection may open, given the client's certificate (DER) if it has shown one."""
    clock: Clock
