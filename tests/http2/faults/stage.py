"""What a fault is, and the stage on which a peer commits it."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hpack import Encoder

from gateway.http2 import Http2Error, Response
from tests.clock import ManualClock
from tests.http2.scripted import GOAWAY, HEADERS, MAX_STREAMS, PING, RST_STREAM, Peer, Server, frame

PATHS = ("/a", "/b", "/c", "/d")
A, B, C = 1, 3, 5
"""The streams of the first three; the fourth waits in line for one."""
ONLY_THREE = {MAX_STREAMS: 3}
TIMEOUT = 10.0
"""Seconds that each request has."""
_MUCH = 100
"""Characters of a text above which its length says enough."""


class Fate(NamedTuple):
    """How a request ends, and how often peers see it."""

    end: str
    times: int = 1


ANSWERED, AGAIN = Fate("200"), Fate("200", 2)
BROKEN, LOST, OVERDUE = (Fate(f"Unanswered {why}") for why in ("protocol_error", "connection_lost", "deadline"))


class Stage:
    """/a, /b and /c are under way, /d waits in line, and the server answers what the script does not take."""

    def __init__(self, server: Server, clock: ManualClock, peer: Peer) -> None:
        self.clock = clock
        self.peer = peer
        self.taken: set[int] = set()
        """Streams of the first peer that get no answer but what the script says."""
        self._server = server
        self._answering: list[asyncio.Task[None]] = []

    @classmethod
    async def of(cls, server: Server, clock: ManualClock, settings: dict[int, int] | None, begun: int) -> "Stage":
        """Let the first peer say its settings and read what begins; without settings, say and read nothing."""
        peer = await server.accepted(settings, is_settled=settings is not None)
        for _ in range(0 if settings is None else begun):
            await peer.until(HEADERS)
        return cls(server, clock, peer)

    def take(self, *streams: int) -> None:
        self.taken.update(streams)

    def serve(self) -> None:
        """Answer from now on, on this connection and on those to come."""
        self._accepting = asyncio.create_task(self._accept())

    async def over(self) -> None:
        """Read all that has been sent; the client must have closed every connection."""
        await asyncio.gather(*self._answering)
        self._accepting.cancel()

    async def _accept(self) -> None:
        peer = self.peer
        while True:
            self._answering.append(asyncio.create_task(self._answer(peer)))
            peer = await self._server.accepted()

    async def _answer(self, peer: Peer) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                request = await peer.request()
                if peer is not self.peer or request.stream not in self.taken:
                    peer.answer(request.stream)

    @property
    def complaints(self) -> list[bytes]:
        """What the first peer has heard of streams and connections that ended badly."""
        bad = [
            read for read in self.peer.frames if read.kind == RST_STREAM or (read.kind == GOAWAY and read.goaway_code)
        ]
        return sorted(frame(read.kind, read.flags, read.stream, read.payload) for read in bad)


Script = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """What a peer does while three requests are under way and a fourth waits in line, and what comes of it."""

    name: str
    script: Script
    a: Fate = ANSWERED
    b: Fate = ANSWERED
    c: Fate = ANSWERED
    d: Fate = ANSWERED
    connections: int = 1
    """How many the pool has made when it has served another request after the fault."""
    pause: float = 0.0
    """Seconds for which it cannot."""
    complaints: tuple[bytes, ...] = ()
    """What the peer is told of it by RST_STREAM, or GOAWAY with an error."""
    goaways: Mapping[str, int] = field(default_factory=dict)
    """What the pool counts."""
    settings: dict[int, int] | None = field(default_factory=lambda: ONLY_THREE)
    """The peer's first; None where it sends none of its own accord, and so gets no request."""
    begun: int = 3
    """How many requests get a stream at once."""
    body: bytes = b"{}"

    @property
    def fates(self) -> dict[str, Fate]:
        return dict(zip(PATHS, (self.a, self.b, self.c, self.d), strict=True))


def block(status: int | str | None = 200, headers: Iterable[tuple[str, str]] = (), huffman: bool = True) -> bytes:
    """Write a header block that needs no table."""
    encoder = Encoder()
    encoder.header_table_size = 0
    return encoder.encode([*([(":status", str(status))] if status else []), *headers], huffman=huffman)


def says(*octets: bytes, takes: Iterable[int] = ()) -> Script:
    """Make the script of a peer that says this much, and of these streams nothing more."""

    async def script(stage: Stage) -> None:
        stage.take(*takes)
        stage.peer.send(*octets)

    return script


async def pass_time(stage: Stage, seconds: float) -> None:
    """Let time pass for a peer that lives: after two seconds of silence it is asked, and says so."""
    await stage.clock.advance(2)
    await stage.peer.until(PING)
    await stage.peer.synchronised()
    await stage.clock.advance(seconds - 2)


def end_of(sending: "asyncio.Task[Response]") -> str:
    """Write how a request ended in one line."""
    if not sending.done():
        return "still waits"
    error = sending.exception()
    if error is None:
        return _shown(sending.result())
    assert isinstance(error, Http2Error), error
    return f"{type(error).__name__} {error.reason}"


def _shown(response: Response) -> str:
    headers = [f"{name}={_short(value)}" for name, value in response.headers.items() if name != ":status"]
    return " ".join([str(response.status), *headers, _short(response.body.decode())]).rstrip()


def _short(text: str) -> str:
    return text if len(text) <= _MUCH else f"({len(text)} octets)"
