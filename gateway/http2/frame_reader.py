"""Bytes into frames, and the frames of one header block into one."""

from collections.abc import Iterator

from gateway.http2 import frames
from gateway.http2.errors import ProtocolError

Frame = tuple[int, int, int, bytes]
"""Type, flags, stream, payload. A HEADERS frame's payload is its whole block."""

MAX_BLOCK = 32_768
"""The most octets of one header block, before its decoding."""
MAX_PIECES = 256
_OF_BLOCKS = (frames.HEADERS, frames.CONTINUATION)


class FrameReader:
    """Cuts what arrives, in whatever pieces, into frames."""

    def __init__(self) -> None:
        self._buffer = b""
        self._block: list[bytes] = []
        self._block_size = 0
        self._block_head: tuple[int, int] | None = None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that `data` completes.

        Raises:
            ProtocolError: a frame is too large, or stands where it must not.
        """
        buffer = self._buffer + data if self._buffer else data
        self._buffer, at, length = b"", 0, len(buffer)
        while at + frames.HEADER_BYTES <= length:
            high, low, kind, flags, number = frames.read_head(buffer, at)
            payload_at = at + frames.HEADER_BYTES
            end = payload_at + (high << 8 | low)
            if end - payload_at > frames.MAX_FRAME:
                raise ProtocolError(frames.FRAME_SIZE_ERROR, "a frame larger than we allow")
            if end > length:
                break
            at, payload = end, buffer[payload_at:end]
            if self._block_head is None and kind not in _OF_BLOCKS:
                yield kind, flags, number & frames.MAX_STREAM, payload
            elif (whole := self._assembled(kind, flags, number & frames.MAX_STREAM, payload)) is not None:
                yield whole
        self._buffer = buffer[at:]

    def _assembled(self, kind: int, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        """Hold back a header block until its last piece is there; nothing may come between (section 4.3)."""
        if self._block_head is not None:
            if kind != frames.CONTINUATION or stream_id != self._block_head[1]:
                raise ProtocolError(frames.PROTOCOL_ERROR, "a header block that is interrupted")
            return self._continued(flags, payload)
        if kind == frames.CONTINUATION:
            raise ProtocolError(frames.PROTOCOL_ERROR, "CONTINUATION of nothing")
        fragment = frames.header_fragment(flags, payload)
        if flags & frames.END_HEADERS:
            return kind, flags, stream_id, fragment
        self._block_head, self._block, self._block_size = (flags, stream_id), [fragment], len(fragment)
        return None

    def _continued(self, flags: int, payload: bytes) -> Frame | None:
        self._block.append(payload)
        self._block_size += len(payload)
        if self._block_size > MAX_BLOCK or len(self._block) > MAX_PIECES:
            raise ProtocolError(frames.PROTOCOL_ERROR, "a header block without end")
        if not flags & frames.END_HEADERS or self._block_head is None:
            return None
        head, block = self._block_head, b"".join(self._block)
        self._block_head, self._block = None, []
        return frames.HEADERS, head[0], head[1], block
