"""A connection without sockets: its transport, its owner, and a reader of what it has written."""

import asyncio
from collections import deque
from collections.abc import Iterator

from hpack import Decoder

from gateway.http2 import Limits, NotSent, Request, Unanswered
from gateway.http2.connection import Connection
from gateway.http2.stream import Call
from tests.clock import ManualClock
from tests.http2 import scripted
from tests.http2.scripted import (
    ACK,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Frame,
)

SIZES = {PING: 8, RST_STREAM: 4, WINDOW_UPDATE: 4, GOAWAY: 8}
"""Octets of the payloads that have one size."""
LAST_STREAM = 2**31 - 1


class Wire(asyncio.Transport):
    """Keeps what is written, and apart from it what is written too late."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._protocol = protocol
        self._is_closing = False
        self.written = bytearray()
        self.late = bytearray()

    def write(self, data: bytes) -> None:
        (self.late if self._is_closing else self.written).extend(data)

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self.lose(None)

    def abort(self) -> None:
        self.lose(None)

    def lose(self, error: Exception | None) -> None:
        """End, and tell the protocol once, in the next turn of the loop."""
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, error)


class Caller:
    """Opens one connection and sends there what waits, whenever there is room."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._line: deque[Call] = deque()
        self.connection = Connection(self, "host", clock, Limits(max_response_body=1000), LAST_STREAM)
        self.wire = Wire(self.connection)
        self.calls: list[Call] = []
        self.returned: list[tuple[Call, str]] = []
        """What came back untouched, and why."""
        self.endings = 0

    def call(self, body: bytes) -> None:
        """Wait for a stream with one more request."""
        number = len(self.calls)
        constant = (("content-type", "application/json"), ("apns-topic", f"topic{number % 3}"))
        request = Request(f"/{number}", constant, (("apns-id", str(number)),), body)
        self.calls.append(Call(request, asyncio.get_running_loop().create_future()))
        self._line.append(self.calls[-1])
        self.has_room()

    def give_up(self, is_overdue: bool) -> None:
        """Let the oldest request under way wait no more."""
        call = next(iter(self.connection.calls()), None)
        if call is None or call.stream is None:
            return
        if is_overdue:
            call.fail(Unanswered("deadline"))
        else:
            call.answer.cancel()
        call.stream.carrier.abandon(call.stream, is_overdue)

    def times_ended(self) -> Iterator[int]:
        """Count for each request how often it has ended; those in line have not begun."""
        returned = [call for call, _ in self.returned]
        for call in self.calls:
            if call not in self._line:
                yield call.answer.done() + returned.count(call)

    def errors(self) -> Iterator[BaseException]:
        for call in self.calls:
            if call.answer.done() and not call.answer.cancelled() and (error := call.answer.exception()):
                yield error

    # What the connection tells.

    def has_room(self) -> None:
        while self._line and self.connection.standing.room > 0:
            self.connection.start(self._line.popleft(), self._clock.monotonic())

    def not_sent(self, call: Call, error: NotSent) -> None:
        self.returned.append((call, error.reason))

    def went_away(self, connection: Connection, reason: str) -> None: ...

    def ended(self, connection: Connection) -> None:
        self.endings += 1


def frames_of(octets: bytes) -> Iterator[Frame]:
    """Cut octets into whole frames."""
    at = 0
    while at < len(octets):
        head, size = octets[at : at + 9], int.from_bytes(octets[at : at + 3], "big")
        payload = octets[at + 9 : at + 9 + size]
        assert (len(head), len(payload)) == (9, size), "a frame that is cut short"
        yield Frame(head[3], head[4], int.from_bytes(head[5:], "big"), payload)
        at += 9 + size


class Reader:
    """Reads what a client has written as a server would that takes nothing on trust."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._sending: set[int] = set()
        self._reset: set[int] = set()
        self.paths: dict[int, str] = {}
        self.bodies: dict[int, bytearray] = {}
        """By stream, like the paths."""

    @property
    def complete(self) -> set[int]:
        """The streams on which whole requests have come."""
        return self.paths.keys() - self._sending - self._reset

    def read(self, octets: bytes) -> None:
        """Read everything; nothing at all comes when the connection is lost in its first turn."""
        if not octets:
            return
        assert octets.startswith(PREFACE)
        first, *rest = frames_of(octets[len(PREFACE) :])
        assert (first.kind, first.flags, first.stream, len(first.payload) % 6) == (SETTINGS, 0, 0, 0)
        for read in rest:
            self._take(read)
        assert all(read.kind != GOAWAY for read in rest[:-1]), "nothing follows a goodbye"

    def _take(self, read: Frame) -> None:
        assert len(read.payload) == SIZES.get(read.kind, len(read.payload))
        assert read.stream not in self._reset
        match read.kind:
            case scripted.HEADERS:
                self._take_head(read)
            case scripted.DATA:
                self._take_body(read)
            case scripted.RST_STREAM:
                assert read.stream in self.paths
                self._reset.add(read.stream)
                self._sending.discard(read.stream)
            case scripted.WINDOW_UPDATE:
                assert read.stream in (0, *self.paths)
                assert 0 < read.number < 2**31
            case scripted.SETTINGS:
                assert (read.flags, read.stream, read.payload) == (ACK, 0, b"")
            case scripted.PING | scripted.GOAWAY:
                assert read.stream == 0
            case _:
                raise AssertionError(f"a frame of type {read.kind}")

    def _take_head(self, read: Frame) -> None:
        assert read.stream % 2
        assert read.stream > max(self.paths, default=0)
        assert read.flags & END_HEADERS
        headers = dict(self._decoder.decode(read.payload))
        self.paths[read.stream], self.bodies[read.stream] = str(headers[":path"]), bytearray()
        self._end_or_go_on(read)

    def _take_body(self, read: Frame) -> None:
        assert read.stream in self._sending
        self.bodies[read.stream] += read.payload
        self._end_or_go_on(read)

    def _end_or_go_on(self, read: Frame) -> None:
        (self._sending.discard if read.flags & END_STREAM else self._sending.add)(read.stream)
