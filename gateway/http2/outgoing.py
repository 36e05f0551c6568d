"""What we write on a connection: frames of one loop turn in one piece, bodies as the peer's windows allow."""

import asyncio
from collections.abc import Iterable

from gateway.http2 import frames
from gateway.http2.errors import ProtocolError
from gateway.http2.frames import frame, frame_head
from gateway.http2.header_block import BlockWriter
from gateway.http2.stream import Stream

_MUCH = 200
"""Pieces, of which a request has four: while we write the next fifty, the peer can work on these."""


class Outgoing:
    """The sending half of a connection."""

    def __init__(self, authority: str) -> None:
        self.blocks = BlockWriter(authority)
        self.transport: asyncio.Transport | None = None
        self.initial_window = frames.DEFAULT_WINDOW
        self.max_frame = frames.MAX_FRAME
        self.turn = 0
        """Counts what has been handed to the transport; what was written in this turn has not been."""
        self._window = frames.DEFAULT_WINDOW
        self._blocked: dict[int, Stream] = {}
        self._written: list[bytes] = []

    @property
    def is_shut(self) -> bool:
        """Tell whether the peer's windows hold back a body, and would the next one too."""
        return bool(self._blocked) and (self._window <= 0 or self.initial_window <= 0)

    def write(self, *pieces: bytes) -> None:
        """Send `pieces` with everything else of this loop turn, or before that when there is much already."""
        if not self._written:
            asyncio.get_running_loop().call_soon(self.flush)
        self._written += pieces
        if len(self._written) >= _MUCH:
            self.flush()

    def flush(self) -> None:
        """Send at once what has been written."""
        written, self._written = self._written, []
        if written and self.transport is not None and not self.transport.is_closing():
            self.transport.write(b"".join(written))
            self.turn += 1

    def close(self, code: int, is_peer_there: bool) -> None:
        """Send GOAWAY with `code` and close; where nobody is there to hear it, send nothing more."""
        if self.transport is None:
            return
        if is_peer_there:
            self.write(frames.goaway(code))
            self.flush()
            self.transport.close()
        else:
            self.transport.abort()

    def send(self, stream: Stream, block: bytes, body: bytes) -> None:
        """Send a request's headers, and as much of its body as the windows allow."""
        end = 0 if body else frames.END_STREAM
        if len(block) <= self.max_frame:
            self.write(frame_head(len(block), frames.HEADERS, frames.END_HEADERS | end, stream.number), block)
        else:
            self._write_in_pieces(block, end, stream.number)
        size = len(body)
        if size <= self._window and size <= stream.window and size <= self.max_frame and body:
            self._spend(stream, size)
            self.write(frame_head(size, frames.DATA, frames.END_STREAM, stream.number), body)
        elif body:
            stream.unsent = memoryview(body)
            self._send_body(stream)

    def forget(self, stream: Stream) -> None:
        """Send no more of a stream."""
        self._blocked.pop(stream.number, None)

    def widen(self, increment: int) -> None:
        """Take a WINDOW_UPDATE for the connection.

        Raises:
            ProtocolError: the window would exceed what one can be (section 6.9.1).
        """
        self._window = _widened(self._window, increment)
        for blocked in tuple(self._blocked.values()):
            if not self._window:
                break
            self._send_body(blocked)

    def widen_stream(self, stream: Stream, increment: int) -> None:
        """Take a WINDOW_UPDATE for a stream.

        Raises:
            ProtocolError: as above; only the stream has to end.
        """
        stream.window = _widened(stream.window, increment)
        self._send_body(stream)

    def set(self, name: int, value: int, streams: Iterable[Stream]) -> None:
        """Take one of the peer's settings; those that do not bind what we send are passed over (section 6.5.2).

        Raises:
            ProtocolError: the value is not allowed.
        """
        if name == frames.HEADER_TABLE_SIZE:
            self.blocks.resize(value)
        elif name == frames.INITIAL_WINDOW_SIZE:
            if value > frames.MAX_WINDOW:
                raise ProtocolError(frames.FLOW_CONTROL_ERROR, "a window larger than one can be")
            self._resize_windows(value, streams)
        elif name == frames.ENABLE_PUSH and value:
            raise ProtocolError(frames.PROTOCOL_ERROR, "a server that wants pushes")
        elif name == frames.MAX_FRAME_SIZE:
            if not frames.MAX_FRAME <= value < 2**24:
                raise ProtocolError(frames.PROTOCOL_ERROR, "a frame size that none can be")
            self.max_frame = value

    def _resize_windows(self, size: int, streams: Iterable[Stream]) -> None:
        """Change open streams' windows by the difference (section 6.9.2)."""
        difference, self.initial_window = size - self.initial_window, size
        for stream in streams:
            stream.window = _widened(stream.window, difference)
            self._send_body(stream)

    def _write_in_pieces(self, block: bytes, end: int, number: int) -> None:
        pieces = [block[at : at + self.max_frame] for at in range(0, len(block), self.max_frame)]
        self.write(frame(frames.HEADERS, end, number, pieces[0]))
        for piece in pieces[1:-1]:
            self.write(frame(frames.CONTINUATION, 0, number, piece))
        self.write(frame(frames.CONTINUATION, frames.END_HEADERS, number, pieces[-1]))

    def _send_body(self, stream: Stream) -> None:
        """Send what the windows allow; a window may be negative after the peer made it smaller."""
        while stream.unsent:
            size = min(len(stream.unsent), self._window, stream.window, self.max_frame)
            if size <= 0:
                self._blocked[stream.number] = stream
                return
            piece, stream.unsent = stream.unsent[:size], stream.unsent[size:]
            self._spend(stream, size)
            self.write(frame(frames.DATA, 0 if stream.unsent else frames.END_STREAM, stream.number, bytes(piece)))
        self._blocked.pop(stream.number, None)

    def _spend(self, stream: Stream, size: int) -> None:
        self._window -= size
        stream.window -= size


def _widened(window: int, increment: int) -> int:
    if window + increment > frames.MAX_WINDOW:
        raise ProtocolError(frames.FLOW_CONTROL_ERROR, "a window larger than one can be")
    return window + increment
