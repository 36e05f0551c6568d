"""What we write on a connection: frames of one loop turn in one piece, bodies as the peer's windows allow."""

import asyncio

from gateway.http2 import frames
from gateway.http2.errors import ProtocolError
from gateway.http2.frames import frame
from gateway.http2.header_block import BlockWriter
from gateway.http2.stream import Stream


class Outgoing:
    """The sending half of a connection."""

    def __init__(self, authority: str) -> None:
        self.blocks = BlockWriter(authority)
        self.transport: asyncio.Transport | None = None
        self.initial_window = frames.DEFAULT_WINDOW
        self.max_frame = frames.MAX_FRAME
        self._window = frames.DEFAULT_WINDOW
        self._blocked: dict[int, Stream] = {}
        self._written: list[bytes] = []

    def write(self, *pieces: bytes) -> None:
        """Send `pieces` with everything else of this loop turn."""
        if not self._written:
            asyncio.get_running_loop().call_soon(self.flush)
        self._written += pieces

    def flush(self) -> None:
        """Send at once what has been written."""
        if self._written and self.transport is not None and not self.transport.is_closing():
            self.transport.write(b"".join(self._written))
        self._written.clear()

    def close(self, code: int, is_peer_there: bool) -> None:
        """Send GOAWAY with `code` and close; at once where nobody is there to hear it."""
        if self.transport is not None:
            self.write(frames.goaway(code))
            self.flush()
            (self.transport.close if is_peer_there else self.transport.abort)()

    def open(self, stream: Stream) -> None:
        """Send a request's headers, and as much of its body as the windows allow."""
        request = stream.call.request
        block = self.blocks.write(request.path, request.constant, request.varying)
        end = 0 if request.body else frames.END_STREAM
        if len(block) <= self.max_frame:
            self.write(frame(frames.HEADERS, frames.END_HEADERS | end, stream.number, block))
        else:
            self._write_in_pieces(block, end, stream.number)
        if request.body:
            self._send_body(stream)

    def forget(self, stream: Stream) -> None:
        """Send no more of a stream."""
        self._blocked.pop(stream.number, None)

    def widen(self, stream: Stream | None, increment: int) -> None:
        """Take a WINDOW_UPDATE for a stream, or for the connection (None).

        Raises:
            ProtocolError: the window would exceed what one can be (section 6.9.1).
        """
        if stream is None:
            self._window = _widened(self._window, increment)
            for blocked in list(self._blocked.values()):
                self._send_body(blocked)
        else:
            stream.window = _widened(stream.window, increment)
            self._send_body(stream)

    def resize_windows(self, size: int, streams: list[Stream]) -> None:
        """Take a new SETTINGS_INITIAL_WINDOW_SIZE: open streams' windows change by the difference (section 6.9.2)."""
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
            self._window -= size
            stream.window -= size
            self.write(frame(frames.DATA, 0 if stream.unsent else frames.END_STREAM, stream.number, bytes(piece)))
        self._blocked.pop(stream.number, None)


def _widened(window: int, increment: int) -> int:
    if window + increment > frames.MAX_WINDOW:
        raise ProtocolError(frames.FLOW_CONTROL_ERROR, "a window larger than one can be")
    return window + increment
