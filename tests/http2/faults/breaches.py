"""Frames that end a connection, for the peer can be trusted no more (RFC 9113 section 5.4.1)."""

from tests.http2.faults.stage import BROKEN, A, Fault, block, says
from tests.http2.scripted import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    GOAWAY,
    HAS_PRIORITY,
    HEADERS,
    INITIAL_WINDOW,
    MAX_FRAME_SIZE,
    PADDED,
    PING,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
    goaway,
    settings,
    window,
)

PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, COMPRESSION_ERROR = 1, 3, 6, 9
LARGEST = 2**31 - 1
LARGE_BLOCK = block(200, [("x", "y" * 32_768)], huffman=False)
LARGE_ENTRY = b"\x40\x01x\x7f\xa1\x1e" + b"y" * 4_000

SAID = {
    PROTOCOL_ERROR: {
        "DATA on no stream": frame(DATA, 0, 0, b"x"),
        "DATA on a stream of the server": frame(DATA, 0, 2, b"x"),
        "DATA on a stream never opened": frame(DATA, 0, 99, b"x"),
        "DATA of more padding than there is": frame(DATA, PADDED, A, b"\x05x"),
        "HEADERS on no stream": frame(HEADERS, END_HEADERS, 0, b"\x88"),
        "HEADERS on a stream never opened": frame(HEADERS, END_HEADERS, 99, b"\x88"),
        "HEADERS of more padding than there is": frame(HEADERS, END_HEADERS | PADDED, A, b"\x05\x88"),
        "HEADERS too many for one answer": frame(HEADERS, 0, A, LARGE_BLOCK[:16_384])
        + frame(CONTINUATION, 0, A, LARGE_BLOCK[16_384:32_768])
        + frame(CONTINUATION, END_HEADERS, A, LARGE_BLOCK[32_768:]),
        "HEADERS interrupted": frame(HEADERS, 0, A, b"\x88") + frame(PING, payload=bytes(8)),
        "HEADERS continued on another stream": frame(HEADERS, 0, A, b"\x88") + frame(CONTINUATION, 4, A + 2),
        "HEADERS continued without end": frame(HEADERS, 0, A) + frame(CONTINUATION, 0, A) * 1000,
        "CONTINUATION of nothing": frame(CONTINUATION, END_HEADERS, A, b"\x88"),
        "RST_STREAM on no stream": frame(RST_STREAM, payload=bytes(4)),
        "RST_STREAM on a stream never opened": frame(RST_STREAM, 0, 99, bytes(4)),
        "WINDOW_UPDATE on a stream never opened": window(99, 1),
        "WINDOW_UPDATE of nothing": window(0, 0),
        "SETTINGS on a stream": frame(SETTINGS, 0, A),
        "SETTINGS of frames too small": settings({MAX_FRAME_SIZE: 16_383}),
        "SETTINGS of frames too large": settings({MAX_FRAME_SIZE: 2**24}),
        "SETTINGS that want pushes": settings({2: 1}),
        "PING on a stream": frame(PING, 0, A, bytes(8)),
        "GOAWAY on a stream": frame(GOAWAY, 0, A, bytes(8)),
        "PUSH_PROMISE": frame(PUSH_PROMISE, END_HEADERS, A, b"\0\0\0\2\x82"),
        "PUSH_PROMISE on no stream": frame(PUSH_PROMISE, END_HEADERS, 0, b"\0\0\0\2\x82"),
    },
    FLOW_CONTROL_ERROR: {
        "WINDOW_UPDATE beyond the largest window": window(0, LARGEST),
        "SETTINGS beyond the largest window": settings({INITIAL_WINDOW: 2**31}),
        "SETTINGS that widen a window beyond it": window(A, LARGEST - 65_535) + settings({INITIAL_WINDOW: LARGEST}),
    },
    FRAME_SIZE_ERROR: {
        "RST_STREAM too short": frame(RST_STREAM, 0, A, bytes(3)),
        "RST_STREAM too long": frame(RST_STREAM, 0, A, bytes(5)),
        "WINDOW_UPDATE too short": frame(WINDOW_UPDATE, payload=bytes(3)),
        "PING too short": frame(PING, payload=bytes(7)),
        "PING too long": frame(PING, payload=bytes(9)),
        "GOAWAY too short": frame(GOAWAY, payload=bytes(7)),
        "SETTINGS of an odd length": frame(SETTINGS, payload=bytes(7)),
        "SETTINGS acknowledged with more": frame(SETTINGS, ACK, 0, bytes(6)),
        "HEADERS too short for their priority": frame(HEADERS, END_HEADERS | HAS_PRIORITY, A, bytes(4)),
        "frame larger than we allow": frame(DATA, 0, A, bytes(16_385)),
        "unknown frame larger than we allow": frame(99, 0, 0, bytes(16_385)),
        "HTTP/1.1": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    },
    COMPRESSION_ERROR: {
        "header block with an integer without end": frame(HEADERS, END_HEADERS, A, b"\xff" * 7),
        "header block that refers to nothing": frame(HEADERS, END_HEADERS, A, b"\xc5"),
        "header block cut short": frame(HEADERS, END_HEADERS, A, b"\x88\x40\x01x\x05yyy"),
        "header block with a table too large": frame(HEADERS, END_HEADERS, A, b"\x3f\xe2\x1f\x88"),
        "header block that unfolds without end": frame(HEADERS, END_HEADERS, A, LARGE_ENTRY + b"\xbe" * 1000),
    },
}
"""By the error code with which the connection ends."""

BREACHES = [
    Fault(name, says(octets, settings({})), BROKEN, BROKEN, BROKEN, connections=2, complaints=(goaway(0, code),))
    for code, said in SAID.items()
    for name, octets in said.items()
]
