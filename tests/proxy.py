"""An HTTP proxy that lets its clients through by CONNECT, or does what a test says instead."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Mapping

_NO_LINGER = struct.pack("ii", 1, 0)
"""Ends a connection by a TCP reset."""


class ConnectProxy:
    """Listens on 127.0.0.1, and knows where names lead."""

    def __init__(self) -> None:
        self.port = 0
        self.hosts: Mapping[str, tuple[str, int]] = {}
        """Where a target such as `push.example.com:443` really is; others are taken as they are."""
        self.authorization = ""
        """What a client must show; others are answered 407."""
        self.answer: bytes | None = None
        """What to say in place of letting anybody through; nothing at all means to hang up with a TCP reset."""
        self.is_silent = False
        """Whether to say nothing, and not to hang up either."""
        self.heads: list[list[str]] = []
        """The lines of every request."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head.strip().split("\r\n"))
            await self._reply(reader, writer)
        writer.transport.abort()

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = self.heads[-1][0].split(" ")
        if self.is_silent:
            await asyncio.Event().wait()
        elif self.answer is not None:
            if not self.answer:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.write(self.answer)
            await writer.drain()
        elif self.authorization and f"Proxy-Authorization: {self.authorization}" not in self.heads[-1]:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nwho?")
            await writer.drain()
        elif method == "CONNECT":
            await self._tunnel(target, reader, writer)

    async def _tunnel(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = target.rpartition(":")
        there_reader, there_writer = await asyncio.open_connection(*self.hosts.get(target, (host, int(port))))
        writer.write(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        try:
            await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
        finally:
            there_writer.transport.abort()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while octets := await reader.read(65_536):
        writer.write(octets)
        await writer.drain()
    writer.write_eof()


@contextlib.asynccontextmanager
async def connect_proxy() -> AsyncIterator[ConnectProxy]:
    proxy = ConnectProxy()
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listening.close()
        await proxy.stop()
        await listening.wait_closed()
