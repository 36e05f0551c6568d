"""Connections that come to nothing, end, are about to end, or fall silent."""

from typing import Any

from tests.http2.faults.stage import AGAIN, LOST, OVERDUE, TIMEOUT, A, B, C, Fate, Fault, Script, Stage, pass_time, says
from tests.http2.scripted import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    frame,
    goaway,
    reset,
    settings,
    window,
)

PROTOCOL_ERROR, FRAME_SIZE_ERROR, CANCEL = 1, 6, 8
CONNECT_TIMEOUT = 8.0
BACKOFF = 0.2
APPLES = b'{"reason":"Shutdown","timestamp":1800000000000}'
WHOLE_ANSWER = frame(HEADERS, END_HEADERS | END_STREAM, A, b"\x88")
HALF_AN_ANSWER = frame(HEADERS, END_HEADERS, A, b"\x88") + frame(DATA, 0, A, b"half")[:-2]
LEFT: dict[str, Any] = {"connections": 2, "goaways": {"code_0": 1}}
ALL_LOST: dict[str, Any] = {"a": LOST, "b": LOST, "c": LOST, "connections": 2}
ALL_OVERDUE: dict[str, Any] = {
    "a": OVERDUE,
    "b": OVERDUE,
    "c": OVERDUE,
    "d": Fate("NotSent deadline", 0),
    "complaints": (reset(A, CANCEL), reset(B, CANCEL), reset(C, CANCEL)),
}


def never_begun(reason: str, *complaints: bytes) -> dict[str, Any]:
    """Nothing was sent, and for a moment nobody tries again."""
    fates = dict.fromkeys("abcd", Fate(f"NotSent {reason}", 0))
    return {**fates, "settings": None, "connections": 2, "pause": BACKOFF, "complaints": complaints}


def waits(seconds: float, *octets: bytes, takes: tuple[int, ...] = ()) -> Script:
    """Make the script of a peer that says this much only after a while, and till then no more than that it lives."""

    async def script(stage: Stage) -> None:
        stage.take(*takes)
        await pass_time(stage, seconds)
        stage.peer.send(*octets)

    return script


async def shuts_down_in_two_steps(stage: Stage) -> None:
    stage.take(B, C)
    stage.peer.send(goaway(2**31 - 1))
    await stage.peer.synchronised()
    stage.peer.send(goaway(A))


def ends(*octets: bytes, by_reset: bool = False) -> Script:
    """Make the script of a peer that is gone behind this much, with a goodbye of TLS at most."""

    async def script(stage: Stage) -> None:
        stage.peer.send(*octets)
        (stage.peer.abort if by_reset else stage.peer.close)()

    return script


def begins_late(*octets: bytes, seconds: float) -> Script:
    """Make the script of a peer whose first word comes only after a while."""

    async def script(stage: Stage) -> None:
        await stage.clock.advance(seconds)
        stage.peer.send(*octets)

    return script


async def dies(stage: Stage) -> None:
    stage.take(A, B, C)
    stage.peer.is_alive = False
    await stage.clock.advance(2)
    await stage.peer.until(PING)
    await stage.clock.advance(5)


GOODBYES = [
    Fault("GOAWAY below all streams", says(goaway(0), takes=(A, B, C)), AGAIN, AGAIN, AGAIN, **LEFT),
    Fault("GOAWAY at the first stream", says(goaway(A), takes=(B, C)), b=AGAIN, c=AGAIN, **LEFT),
    Fault("GOAWAY between two streams", says(goaway(2), takes=(B, C)), b=AGAIN, c=AGAIN, **LEFT),
    Fault("GOAWAY at the second stream", says(goaway(B), takes=(C,)), c=AGAIN, **LEFT),
    Fault("GOAWAY at the last stream", says(goaway(C)), **LEFT),
    Fault("GOAWAY above the last stream", says(goaway(C + 2)), **LEFT),
    Fault("GOAWAY above all streams there can be", says(goaway(2**31 - 1)), **LEFT),
    Fault("GOAWAY of an error", says(goaway(C, 2, b"text")), connections=2, goaways={"code_2": 1}),
    Fault("GOAWAY for Apple's reason", says(goaway(C, 0, APPLES)), connections=2, goaways={"Shutdown": 1}),
    Fault("GOAWAY twice", shuts_down_in_two_steps, b=AGAIN, c=AGAIN, connections=2, goaways={"code_0": 2}),
    Fault("GOAWAY, then more room", says(goaway(C), settings({3: 9}), window(0, 9)), **LEFT),
]
NO_BEGINNINGS = {
    "PING": (frame(PING, payload=bytes(8)), PROTOCOL_ERROR),
    "WINDOW_UPDATE": (window(0, 1), PROTOCOL_ERROR),
    "answer": (WHOLE_ANSWER, PROTOCOL_ERROR),
    "HTTP/1.1": (b"HTTP/1.1 400 Bad Request\r\n\r\n", FRAME_SIZE_ERROR),
}
BEGINNINGS = [
    Fault("SETTINGS late", begins_late(settings({}), seconds=CONNECT_TIMEOUT - 0.1), settings=None),
    Fault("SETTINGS never", begins_late(seconds=CONNECT_TIMEOUT), **never_begun("connect_timeout")),
    Fault("GOAWAY before SETTINGS", says(goaway(0, 2)), settings=None, connections=2, goaways={"code_2": 1}),
    *[
        Fault(f"{name} before SETTINGS", says(octets), **never_begun("protocol_error", goaway(0, code)))
        for name, (octets, code) in NO_BEGINNINGS.items()
    ],
    Fault("end before SETTINGS", ends(), **never_begun("connection_lost")),
    Fault("TCP reset before SETTINGS", ends(by_reset=True), **never_begun("connection_lost")),
]
ENDINGS = [
    *GOODBYES,
    *BEGINNINGS,
    Fault("end in the middle of a frame", ends(HALF_AN_ANSWER), **ALL_LOST),
    Fault("TCP reset in the middle of a frame", ends(HALF_AN_ANSWER, by_reset=True), **ALL_LOST),
    Fault("silence of a peer that lives", waits(TIMEOUT, takes=(A, B, C)), **ALL_OVERDUE),
    Fault("half-open connection", dies, **ALL_LOST),
    Fault("answer just before the deadline", waits(TIMEOUT - 0.1)),
    Fault("answer behind the deadline", waits(TIMEOUT, WHOLE_ANSWER, takes=(A, B, C)), **ALL_OVERDUE),
]
