"""Sessions of a peer, proper ones and spoilt ones, and what else happens while they go on."""

import operator
from itertools import product

from hypothesis import strategies as st

from tests.http2 import scripted
from tests.http2.scripted import ACK, END_HEADERS, END_STREAM, HAS_PRIORITY, PADDED, frame, goaway, reset, window

Act = str | int | float
"""What happens beside the octets: bodies of new requests are whole numbers, seconds that pass are others."""
STREAMS = (1, 3, 5)
"""Those of the first requests."""
SETTINGS = {
    scripted.TABLE_SIZE: (0, 100, 4096, 2**32 - 1),
    scripted.MAX_STREAMS: (0, 1, 3, 2**32 - 1),
    scripted.INITIAL_WINDOW: (0, 10, 65_535, 2**31 - 1),
    scripted.MAX_FRAME_SIZE: (16_384, 50_000),
    0x99: (7,),
}
BLOCKS = (
    b"\x88",
    b"\x20\x88",
    b"\x3f\x45\x8d\x40\x01x\x01y",
    b"\x48\x03410\x40\x07apns-id\x84\x8c\x31\xc6\x3f",
    b"\x8c\xbe",
    b"\x88\x5c\x014",
    b"\x08\x03100",
    b"\x08\x03099",
    b"\x40\x08checksum\x01x",
)
"""Answers with a table and without, with Huffman codes and a length, of no proper status; and trailers."""


def head(stream: int, block: bytes, flags: int = 0) -> bytes:
    return frame(scripted.HEADERS, END_HEADERS | flags, stream, block)


def data(stream: int, octets: bytes, flags: int = 0) -> bytes:
    return frame(scripted.DATA, flags, stream, octets)


BEGINNINGS = tuple(scripted.settings({name: value}) for name, values in SETTINGS.items() for value in values)
OF_THE_CONNECTION = (
    *BEGINNINGS,
    *(frame(scripted.PING, flags, 0, b"12345678") for flags in (0, ACK)),
    *(window(0, increment) for increment in (1, 1_000, 65_535)),
    *(goaway(last, 0, debug) for last, debug in ((0, b""), (3, b'{"reason":"Shutdown"}'), (2**31 - 1, b""))),
    frame(scripted.SETTINGS, ACK),
    frame(0xF0, 0xFF, 3, b"unknown"),
)
ANSWERS = (
    *(head(stream, block, END_STREAM) for stream, block in product(STREAMS, BLOCKS)),
    *(head(stream, b"\x88") + data(stream, b"body", END_STREAM) for stream in STREAMS),
    *(frame(scripted.HEADERS, 1, each) + frame(scripted.CONTINUATION, END_HEADERS, each, b"\x88") for each in STREAMS),
    *(head(stream, b"\1" + bytes(5) + b"\x88\0", END_STREAM | PADDED | HAS_PRIORITY) for stream in STREAMS),
)
PARTS = (
    *(head(stream, block) for stream, block in product(STREAMS, BLOCKS)),
    *(data(stream, b"body", END_STREAM) for stream in STREAMS),
    *(data(stream, b"\2body\0\0", PADDED) for stream in STREAMS),
    *(data(stream, bytes(size)) for stream, size in product(STREAMS, (0, 600, 16_384))),
    *(window(stream, increment) for stream, increment in product(STREAMS, (1, 100, 70_000))),
    *(reset(stream, code) for stream, code in product(STREAMS, (0, 7, 8))),
    *(frame(scripted.PRIORITY, 0, stream, bytes(5)) for stream in STREAMS),
)
"""What stands on a stream, and is no answer by itself."""
FRAMES = st.one_of(*map(st.sampled_from, (OF_THE_CONNECTION, ANSWERS, PARTS)))
SESSIONS = st.builds(
    lambda first, more: b"".join([first, *more]), st.sampled_from(BEGINNINGS), st.lists(FRAMES, min_size=3)
)
CHANGES = st.sampled_from(["flip", "drop", "insert", "repeat", "cut"])
CHANGE = st.tuples(CHANGES, st.integers(0, 999), st.integers(1, 255))
BODIES = st.tuples(st.just(0), st.sampled_from([0, 2, 300, 70_000]))
ACTS = st.sampled_from(["turn", "overdue", "cancelled", "pause", "resume", 0.1, 5.0, 300.0])
STEPS = st.lists(st.tuples(st.integers(0, 60), ACTS) | BODIES, max_size=10)
PLANS = st.builds(operator.add, st.lists(BODIES, min_size=3, max_size=3), STEPS)
"""After how many more octets what happens; at the beginning it is three requests."""
ENDINGS = st.sampled_from(["closed", "lost", "reset"])


def mutated(octets: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    """Do to octets what no network should."""
    for change, somewhere, size in changes:
        at = somewhere % (len(octets) + 1)
        end = at + size % 16
        match change:
            case "flip":
                octets = octets[:at] + bytes(octet ^ size for octet in octets[at : at + 1]) + octets[at + 1 :]
            case "drop":
                octets = octets[:at] + octets[end:]
            case "insert":
                octets = octets[:at] + bytes((size,)) * (size % 16) + octets[at:]
            case "repeat":
                octets = octets[:end] + octets[at:]
            case "cut":
                octets = octets[:at]
    return octets


MUTATED = st.builds(mutated, SESSIONS, st.lists(CHANGE, max_size=4))
