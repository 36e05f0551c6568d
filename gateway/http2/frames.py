"""Frames as bytes (RFC 9113 sections 4 and 6)."""

import struct
from collections.abc import Iterable, Iterator

from gateway.http2.errors import ProtocolError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES = 9
MAX_FRAME = 16_384
"""The largest frame we take, and the largest every peer takes."""

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
HAS_PRIORITY = 0x20

NO_ERROR = 0x0
PROTOCOL_ERROR = 0x1
FLOW_CONTROL_ERROR = 0x3
STREAM_CLOSED = 0x5
FRAME_SIZE_ERROR = 0x6
REFUSED_STREAM = 0x7
CANCEL = 0x8
COMPRESSION_ERROR = 0x9
ENHANCE_YOUR_CALM = 0xB

HEADER_TABLE_SIZE = 0x1
ENABLE_PUSH = 0x2
MAX_CONCURRENT_STREAMS = 0x3
INITIAL_WINDOW_SIZE = 0x4
MAX_FRAME_SIZE = 0x5

DEFAULT_WINDOW = 65_535
MAX_WINDOW = MAX_STREAM = 2**31 - 1

_head = struct.Struct(">HBBBL")
_pack_head = _head.pack
read_head = _head.unpack_from
"""Read a frame's head from octets at an offset: the upper 16 bits of its size, the lower 8, type, flags, stream."""
_setting = struct.Struct(">HL")


def frame_head(size: int, kind: int, flags: int, stream_id: int) -> bytes:
    """Write what comes before a payload of `size` octets (section 4.1)."""
    return _pack_head(size >> 8, size & 0xFF, kind, flags, stream_id)


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Write one frame."""
    return frame_head(len(payload), kind, flags, stream_id) + payload


def settings_frame(settings: Iterable[tuple[int, int]]) -> bytes:
    """Write a SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(_setting.pack(*one) for one in settings))


def read_settings(flags: int, payload: bytes) -> Iterator[tuple[int, int]]:
    """Read the pairs of a SETTINGS frame.

    Raises:
        ProtocolError: its length is not a multiple of six, or it is an acknowledgement and has one (section 6.5).
    """
    if len(payload) % _setting.size or (flags & ACK and payload):
        raise ProtocolError(FRAME_SIZE_ERROR, "SETTINGS of an odd length")
    return _setting.iter_unpack(payload)


def number(payload: bytes) -> int:
    """Read the number that is the whole payload of RST_STREAM and WINDOW_UPDATE.

    Raises:
        ProtocolError: the payload is not four octets (sections 6.4 and 6.9).
    """
    if len(payload) != 4:
        raise ProtocolError(FRAME_SIZE_ERROR, "a frame of the wrong size")
    return int.from_bytes(payload, "big")


def read_goaway(payload: bytes) -> tuple[int, int, bytes]:
    """Read the last stream the peer took, its error code and what it adds in words (section 6.8).

    Raises:
        ProtocolError: the payload is too short.
    """
    if len(payload) < 8:
        raise ProtocolError(FRAME_SIZE_ERROR, "a GOAWAY that is too short")
    return int.from_bytes(payload[:4], "big") & MAX_STREAM, int.from_bytes(payload[4:8], "big"), payload[8:]


def window_update(stream_id: int, increment: int) -> bytes:
    """Write a WINDOW_UPDATE frame; stream 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream_id, increment.to_bytes(4, "big"))


def rst_stream(stream_id: int, code: int) -> bytes:
    """Write a RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream_id, code.to_bytes(4, "big"))


def goaway(code: int) -> bytes:
    """Write a GOAWAY frame of a client that took no pushed stream."""
    return frame(GOAWAY, 0, 0, bytes(4) + code.to_bytes(4, "big"))


def unpadded(flags: int, payload: bytes) -> bytes:
    """Take the padding off a DATA or HEADERS payload.

    Raises:
        ProtocolError: there is more padding than payload.
    """
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ProtocolError(PROTOCOL_ERROR, "more padding than payload")
    return payload[1 : len(payload) - payload[0]]


def header_fragment(flags: int, payload: bytes) -> bytes:
    """Return the piece of a header block in a HEADERS frame, without padding and priority.

    Raises:
        ProtocolError: the frame is too short for what its flags say.
    """
    fragment = unpadded(flags, payload)
    if not flags & HAS_PRIORITY:
        return fragment
    if len(fragment) < 5:
        raise ProtocolError(FRAME_SIZE_ERROR, "HEADERS too short for its priority")
    return fragment[5:]
