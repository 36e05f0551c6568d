"""What ends a stream, comes when it has ended, or changes how many there may be."""

from typing import Any

from tests.http2.faults.stage import AGAIN, BROKEN, ONLY_THREE, PATHS, A, B, C, Fate, Fault, Stage, block, says
from tests.http2.scripted import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    MAX_STREAMS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
    reset,
    settings,
    window,
)

PROTOCOL_ERROR, FLOW_CONTROL_ERROR, REFUSED = 1, 3, 7
RESET = Fate("Unanswered stream_reset")
MANY = 1_000
WHOLE = frame(HEADERS, END_HEADERS | END_STREAM, A, b"\x88")
BEGUN = frame(HEADERS, END_HEADERS, A, b"\x88")
UNKNOWN_FLAGS = 0xD2
FLAGGED = [
    frame(SETTINGS, UNKNOWN_FLAGS),
    frame(PING, UNKNOWN_FLAGS, 0, bytes(8)),
    frame(WINDOW_UPDATE, UNKNOWN_FLAGS | ACK, 0, b"\0\0\0\1"),
    frame(HEADERS, UNKNOWN_FLAGS | END_HEADERS, A, b"\x88"),
    frame(DATA, UNKNOWN_FLAGS | END_STREAM, A, b"whole"),
    frame(RST_STREAM, UNKNOWN_FLAGS | ACK, A, bytes(4)),
]


def broken(code: int) -> dict[str, Any]:
    """The first stream alone ends, and the peer is told why."""
    return {"a": BROKEN, "complaints": (reset(A, code),)}


async def refuses(stage: Stage) -> None:
    """Refuse a stream; a moment passes before anything new is sent to a peer that has just said no."""
    stage.take(A)
    stage.peer.send(reset(A, REFUSED))
    await stage.peer.synchronised()
    assert len(stage.peer.paths) == 3
    await stage.clock.advance(0.1)


async def refuses_all(stage: Stage) -> None:
    """Do as Apple does: lower the limit to 1 and refuse what is in flight. It comes again before what waits in line."""
    stage.take(A, B, C)
    stage.peer.send(settings({MAX_STREAMS: 1}), *[reset(stream, REFUSED) for stream in (A, B, C)])
    await stage.peer.synchronised()
    await stage.clock.advance(0.1)
    await stage.peer.requests(3)
    for path in PATHS:
        again = await stage.peer.request()
        assert again.path == path
        stage.peer.answer(again.stream)


async def shrinks_to_one(stage: Stage) -> None:
    stage.take(A, B)
    stage.peer.send(settings({MAX_STREAMS: 1}))
    stage.peer.answer(A)
    stage.peer.answer(B)
    await stage.peer.synchronised()
    assert len(stage.peer.paths) == 3, "the third is the one stream that may be open"


async def shrinks_to_none_and_grows(stage: Stage) -> None:
    stage.take(A, B, C)
    stage.peer.send(settings({MAX_STREAMS: 0}))
    for stream in (A, B, C):
        stage.peer.answer(stream)
    await stage.peer.synchronised()
    assert len(stage.peer.paths) == 3
    stage.peer.send(settings(ONLY_THREE))


async def grows_beyond_all_numbers(stage: Stage) -> None:
    stage.peer.send(settings({MAX_STREAMS: 2**32 - 1}))
    await stage.peer.until(HEADERS)


async def floods_with_pings(stage: Stage) -> None:
    octets = [number.to_bytes(8, "big") for number in range(MANY)]
    stage.peer.send(*[frame(PING, payload=each) for each in octets])
    assert [(await stage.peer.until(PING, ACK)).payload for _ in range(MANY)] == octets


async def floods_with_settings(stage: Stage) -> None:
    stage.peer.send(settings(ONLY_THREE) * MANY)
    for _ in range(MANY):
        await stage.peer.acknowledged()


RESETS = [
    Fault(f"RST_STREAM with code {code}", says(reset(A, code), takes=(A,)), a=RESET)
    for code in (*range(REFUSED), *range(REFUSED + 1, 14), 0xFFFF)
]
ENDED = {
    "END_STREAM twice": WHOLE + frame(DATA, END_STREAM, A),
    "answer twice": WHOLE + WHOLE,
    "DATA behind the end": WHOLE + frame(DATA, 0, A, b"more"),
    "HEADERS behind the end": WHOLE + frame(HEADERS, 0, A, block(200)) + frame(CONTINUATION, END_HEADERS, A),
    "WINDOW_UPDATE behind the end": WHOLE + window(A, 1),
    "WINDOW_UPDATE of nothing behind the end": WHOLE + window(A, 0),
    "RST_STREAM behind the end": WHOLE + reset(A, 0),
    "REFUSED_STREAM behind the end": WHOLE + reset(A, REFUSED),
    "PRIORITY behind the end": WHOLE + frame(PRIORITY, 0, A, bytes(5)),
}
"""What comes when the first stream has been answered, and changes nothing."""
MEANINGLESS = {
    "PRIORITY": b"".join(frame(PRIORITY, 0, stream, bytes(5)) for stream in (0, 2, A, 99)),
    "PRIORITY of a wrong size": frame(PRIORITY, 0, A, bytes(4)),
    "unknown frames": frame(0xF0, 0xFF, 0, b"anything") + frame(0xF1, 0, A) + frame(10, 0, 99, bytes(16_384)),
    "unknown settings": settings({0x99: 7, 6: 1, 0: 0, 0xFFFF: 2**32 - 1}),
    "acknowledgements nobody asked for": frame(PING, ACK, 0, bytes(8)) + frame(SETTINGS, ACK) * 3,
}
"""What is passed over."""
STREAMS = [
    *RESETS,
    Fault("RST_STREAM of a begun answer", says(BEGUN, reset(A, 2), takes=(A,)), a=RESET),
    Fault("RST_STREAM that refuses", refuses, a=AGAIN),
    Fault("RST_STREAM that refuses all, behind a limit of 1", refuses_all, AGAIN, AGAIN, AGAIN),
    *[Fault(name, says(octets, takes=(A,))) for name, octets in ENDED.items()],
    *[Fault(name, says(octets)) for name, octets in MEANINGLESS.items()],
    Fault("unknown flags", says(*FLAGGED, takes=(A,)), a=Fate("200 whole")),
    Fault("DATA before HEADERS", says(frame(DATA, 1, A, b"?"), takes=(A,)), **broken(PROTOCOL_ERROR)),
    Fault("WINDOW_UPDATE of nothing on a stream", says(window(A, 0), takes=(A,)), **broken(PROTOCOL_ERROR)),
    Fault("WINDOW_UPDATE too large on a stream", says(window(A, 2**31 - 1), takes=(A,)), **broken(FLOW_CONTROL_ERROR)),
    Fault("limit of streams shrinks to 1", shrinks_to_one),
    Fault("limit of streams shrinks to 0 and grows again", shrinks_to_none_and_grows),
    Fault("limit of streams beyond 2^31", grows_beyond_all_numbers),
    Fault("flood of PING", floods_with_pings),
    Fault("flood of SETTINGS", floods_with_settings),
]
