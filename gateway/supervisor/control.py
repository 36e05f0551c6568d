"""What the supervisor and a worker say to each other, on a socket between the two.

Each message is a length of four bytes, the highest first, and so much MessagePack. The end of the stream means that the
other process is gone, however it went.
"""

import asyncio
import socket
from typing import Self

import msgspec

from gateway.observability.merging import Family
from gateway.web.pages import Overview

LONGEST = 64 * 1024 * 1024
"""Octets of a message; a worker's metrics of 2,000 apps are some 400,000."""
_LENGTH = 4


class Begin(msgspec.Struct, frozen=True, tag=True):
    """To a worker, first of all: who it is, and the settings as JSON with every secret."""

    number: int
    settings: bytes

    def __repr__(self) -> str:
        return f"Begin({self.number}, ***)"


class Drain(msgspec.Struct, frozen=True, tag=True):
    """To a worker: say that the gateway shuts down, and go on."""


class Stop(msgspec.Struct, frozen=True, tag=True):
    """To a worker: take in who waits, finish, end."""


class Status(msgspec.Struct, frozen=True, tag=True):
    """From a worker, every second: it lives, and how it is."""

    needs: dict[str, str]
    metrics: list[Family]
    overview: Overview | None = None
    """None while it is what was told last."""
    troubles: dict[str, str] = {}


Order = Drain | Stop
Message = Begin | Order | Status
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


class Channel:
    """One end of the socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Self:
        """Talk over this end of a pair of sockets."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    async def send(self, message: Message) -> None:
        """Say something.

        Raises:
            ConnectionError: the other process is gone.
        """
        content = msgspec.msgpack.encode(message)
        self._writer.write(len(content).to_bytes(_LENGTH) + content)
        await self._writer.drain()

    async def receive(self) -> Message | None:
        """Hear the next; None when the other process is gone.

        Raises:
            msgspec.DecodeError: it speaks another version's language.
        """
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH))
            if length > LONGEST:
                raise msgspec.DecodeError(f"a message of {length} octets")
            return _DECODER.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def close(self) -> None:
        """Say no more."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return
