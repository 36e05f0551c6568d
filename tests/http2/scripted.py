"""A server of raw frames that does what the test says, and nothing else."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from hpack import Decoder, Encoder

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, HAS_PRIORITY = 0x4, 0x8, 0x20
TABLE_SIZE, MAX_STREAMS, INITIAL_WINDOW, MAX_FRAME_SIZE = 1, 3, 4, 5
PATIENCE = 10.0
"""Seconds of real time after which a test that waits in vain fails."""


@dataclass(frozen=True)
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def number(self) -> int:
        """The error code of RST_STREAM, the increment of WINDOW_UPDATE."""
        return int.from_bytes(self.payload[:4], "big")

    @property
    def goaway_code(self) -> int:
        return int.from_bytes(self.payload[4:8], "big")


@dataclass
class Received:
    stream: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def path(self) -> str:
        return dict(self.headers)[":path"]


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack(">HBBBL", len(payload) >> 8, len(payload) & 0xFF, kind, flags, stream) + payload


def settings(values: dict[int, int]) -> bytes:
    return frame(SETTINGS, payload=b"".join(struct.pack(">HL", *pair) for pair in values.items()))


def goaway(last: int, code: int = 0, debug: bytes = b"") -> bytes:
    return frame(GOAWAY, payload=struct.pack(">LL", last, code) + debug)


def reset(stream: int, code: int) -> bytes:
    return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def window(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4, "big"))


class Peer:
    """One accepted connection. What is read is kept in `frames`; what a test wants said, it says with `send`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = Decoder(max_header_list_size=2**20)
        self._block = b""
        self._complete: deque[Received] = deque()
        self._begun: dict[int, Received] = {}
        self.encoder = Encoder()
        self.encoder.header_table_size = 0
        self.frames: list[Frame] = []
        self.paths: list[str] = []
        """Of every request whose headers have been read, in their order."""
        self.is_alive = True
        """Whether a PING is answered when it is read."""

    def send(self, *pieces: bytes) -> None:
        self._writer.write(b"".join(pieces))

    def block(
        self, status: int | str | None = 200, headers: Iterable[tuple[str, str]] = (), huffman: bool = True
    ) -> bytes:
        lines = [] if status is None else [(":status", str(status))]
        return self.encoder.encode([*lines, *headers], huffman=huffman)

    def answer(
        self, stream: int, status: int = 200, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        block = self.block(status, headers)
        self.send(frame(HEADERS, END_HEADERS | (0 if body else END_STREAM), stream, block))
        for at in range(0, len(body), 16_384):
            piece = body[at : at + 16_384]
            self.send(frame(DATA, END_STREAM if at + len(piece) == len(body) else 0, stream, piece))

    async def frame(self) -> Frame:
        async with asyncio.timeout(PATIENCE):
            head = await self._reader.readexactly(9)
            payload = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
        read = Frame(head[3], head[4], int.from_bytes(head[5:], "big"), payload)
        self.frames.append(read)
        self._assemble(read)
        if read.kind == PING and not read.flags & ACK and self.is_alive:
            self.send(frame(PING, ACK, 0, read.payload))
        return read

    async def until(self, kind: int, flags: int = 0) -> Frame:
        """Read on until a frame of this kind with these flags; requests that arrive meanwhile are kept."""
        while True:
            read = await self.frame()
            if read.kind == kind and read.flags & flags == flags:
                return read

    async def request(self) -> Received:
        """Return the next request that is complete."""
        while not self._complete:
            await self.frame()
        return self._complete.popleft()

    async def requests(self, count: int) -> list[Received]:
        return [await self.request() for _ in range(count)]

    async def acknowledged(self) -> None:
        """Read on until our SETTINGS are acknowledged."""
        await self.until(SETTINGS, ACK)

    async def synchronised(self) -> None:
        """Return when the client has handled all that was sent."""
        self.send(frame(PING, payload=b"in order"))
        while (await self.until(PING, ACK)).payload != b"in order":
            pass

    async def closed(self) -> list[Frame]:
        """Read until the client has closed; return everything it ever sent."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                await self.frame()
        return self.frames

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        """End with a TCP reset, without a TLS goodbye."""
        at_once = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self._writer.transport.abort()

    async def preface(self) -> None:
        async with asyncio.timeout(PATIENCE):
            assert await self._reader.readexactly(len(PREFACE)) == PREFACE

    async def gone(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self._writer.wait_closed()

    def _assemble(self, read: Frame) -> None:
        if read.kind == HEADERS:
            self._begun[read.stream] = Received(read.stream)
        if read.kind in (HEADERS, CONTINUATION):
            self._block += read.payload
            if read.flags & END_HEADERS:
                self._begun[read.stream].headers = [(str(name), str(value)) for name, value in self._decode()]
                self.paths.append(self._begun[read.stream].path)
        if read.kind == DATA:
            self._begun[read.stream].body += read.payload
        if read.kind == RST_STREAM:
            self._begun.pop(read.stream, None)  # what still comes of its body fails the test
        if read.kind in (HEADERS, DATA) and read.flags & END_STREAM:
            self._complete.append(self._begun.pop(read.stream))

    def _decode(self) -> Iterable[tuple[str, str]]:
        block, self._block = self._block, b""
        return self._decoder.decode(block)


class Server:
    """Listens on 127.0.0.1; `accepted` hands out connections in the order in which they come."""

    def __init__(self) -> None:
        self._unmet: asyncio.Queue[Peer] = asyncio.Queue()
        self.peers: list[Peer] = []
        self.connections = 0
        self.port = 0

    async def accepted(self, values: dict[int, int] | None = None, is_settled: bool = True) -> Peer:
        """Wait for the next connection and its preface, and send our SETTINGS."""
        async with asyncio.timeout(PATIENCE):
            peer = await self._unmet.get()
        await peer.preface()
        if is_settled:
            peer.send(settings({MAX_STREAMS: 100} if values is None else values))
        return peer

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        peer = Peer(reader, writer)
        self.peers.append(peer)
        self._unmet.put_nowait(peer)

    async def gone(self) -> None:
        for peer in self.peers:
            await peer.gone()


@contextlib.asynccontextmanager
async def scripted(tls: ssl.SSLContext, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.connected, host, port, ssl=tls, limit=2**20, ssl_shutdown_timeout=0.5)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.gone()
        await listening.wait_closed()
