"""What the peer's windows hold back (RFC 9113 section 5.2), for a while or for good."""

from typing import Any

from tests.http2.faults.endings import ALL_OVERDUE, CANCEL, waits
from tests.http2.faults.stage import OVERDUE, TIMEOUT, A, B, C, Fate, Fault, Stage, says
from tests.http2.scripted import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW,
    MAX_STREAMS,
    frame,
    reset,
    settings,
    window,
)

LARGE = 1 << 20
CLOSED, NARROW, WIDE = ({MAX_STREAMS: 3, INITIAL_WINDOW: size} for size in (0, 100, LARGE))
OPEN = settings({INITIAL_WINDOW: LARGE}) + window(0, LARGE)
LONG, LONGER = b"x" * 150, b"x" * 70_000
"""A body that a narrow window cannot take, and one that the first window of a connection cannot."""


def arrived(stage: Stage) -> list[int]:
    """Count the octets of the first three bodies."""
    sent = [(read.stream, len(read.payload)) for read in stage.peer.frames if read.kind == DATA]
    return [sum(size for stream, size in sent if stream == each) for each in (A, B, C)]


async def narrows_and_widens(stage: Stage) -> None:
    """Make windows of 100, all used up, less than nothing, then too small still, then large enough."""
    for octets, expected in (
        (settings({INITIAL_WINDOW: 20}), [100, 100, 100]),
        (window(A, 90), [110, 100, 100]),
        (settings({INITIAL_WINDOW: 120}), [150, 120, 120]),
    ):
        stage.peer.send(octets)
        await stage.peer.synchronised()
        assert arrived(stage) == expected
    stage.peer.send(OPEN)


async def widens_by_the_octet(stage: Stage) -> None:
    for missing in reversed(range(50)):
        stage.peer.send(window(A, 1), window(B, 1), window(C, 1))
        await stage.peer.synchronised()
        assert arrived(stage) == [150 - missing] * 3
    stage.peer.send(OPEN)


async def widens_the_connection_late(stage: Stage) -> None:
    await stage.peer.synchronised()
    assert arrived(stage) == [65_535, 0, 0]
    stage.peer.send(OPEN)


async def reads_nothing_for_a_while(stage: Stage) -> None:
    """Let more come than sockets hold; reading goes on when the script is over, before the peer is taken for dead."""
    stage.peer.send(settings({INITIAL_WINDOW: 1 << 30}), window(0, 1 << 30))
    await stage.clock.advance(6)


ONE_STUCK: dict[str, Any] = {
    "a": OVERDUE,
    **dict.fromkeys("bcd", Fate("NotSent deadline", 0)),
    "begun": 1,
    "complaints": (reset(A, CANCEL),),
}
"""One request is half sent, and no other begins."""

WINDOWS = [
    Fault("windows of nothing for some seconds", waits(TIMEOUT - 1, OPEN), settings=CLOSED, begun=1),
    Fault("windows of nothing", waits(TIMEOUT, OPEN, takes=(A,)), **ONE_STUCK, settings=CLOSED),
    Fault("windows too narrow", waits(TIMEOUT, OPEN, takes=(A, B, C)), **ALL_OVERDUE, settings=NARROW, body=LONG),
    Fault("windows that shrink below nothing", narrows_and_widens, settings=NARROW, body=LONG),
    Fault("windows that grow by the octet", widens_by_the_octet, settings=NARROW, body=LONG),
    Fault(
        "window of the connection smaller than a body", widens_the_connection_late, settings=WIDE, begun=1, body=LONGER
    ),
    Fault(
        "window of the connection smaller than a body, and for good",
        waits(TIMEOUT, OPEN, takes=(A,)),
        **ONE_STUCK,
        settings=WIDE,
        body=LONGER,
    ),
    Fault(
        "answer before the whole request",
        says(frame(HEADERS, END_HEADERS | END_STREAM, A, b"\x88"), OPEN, takes=(A,)),
        complaints=(reset(A, CANCEL),),
        settings=NARROW,
        body=LONG,
    ),
    Fault("sockets that are full for some seconds", reads_nothing_for_a_while, begun=1, body=b"x" * 10**7),
]
