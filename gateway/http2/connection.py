"""One HTTP/2 connection of a client (RFC 9113): how it begins, what the peer says of it, how it ends."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

from gateway.http2 import frames
from gateway.http2.errors import NotSent, ProtocolError
from gateway.http2.frame_reader import FrameReader
from gateway.http2.frames import frame
from gateway.http2.health import Health
from gateway.http2.outgoing import Outgoing
from gateway.http2.stream import Call, Stream
from gateway.http2.streams import Streams
from gateway.http2.values import Limits
from gateway.model.clock import Clock

USUAL_STREAMS = 100
"""How many streams we open where the peer sets no limit."""
_OURS = ((frames.HEADER_TABLE_SIZE, 0), (frames.ENABLE_PUSH, 0))


class Owner(Protocol):
    """Who opened the connection, and hears what changes there."""

    def has_room(self) -> None:
        """A stream may be opened that could not be before."""
        ...

    def not_sent(self, call: Call, error: NotSent) -> None:
        """A request came back untouched."""
        ...

    def went_away(self, reason: str) -> None:
        """The peer said GOAWAY, with this reason."""
        ...

    def ended(self, connection: "Connection") -> None:
        """The connection is no more."""
        ...


class Connection(asyncio.Protocol):
    """Carries calls as streams, and knows whether it may be given more."""

    def __init__(self, owner: Owner, authority: str, clock: Clock, limits: Limits) -> None:
        self._owner = owner
        self._clock = clock
        self._limits = limits
        self._frames = FrameReader()
        self._out = Outgoing(authority)
        self._streams = Streams(self, self._out, limits)
        self._health = Health(clock, limits, self._ping, lambda: self.end("connection_lost"))
        self._max_streams = USUAL_STREAMS
        self._is_leaving = False
        self.ended_by: str | None = None
        self.settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    @property
    def in_flight(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    @property
    def answered(self) -> int:
        """How many requests have had an answer here."""
        return self._streams.answered

    @property
    def rtt(self) -> float | None:
        """The last round trip measured, in seconds."""
        return self._health.rtt

    @property
    def room(self) -> int:
        """How many more streams may be opened now."""
        usable = self.settled.done() and not self._is_leaving and self.ended_by is None
        return self._max_streams - len(self._streams) if usable and not self._health.is_in_doubt else 0

    @property
    def is_warming_up(self) -> bool:
        """Tell whether the peer still allows one stream only, as Apple does until it has accepted a token."""
        return self._max_streams == 1 and not self._is_leaving and not self._health.is_in_doubt

    @property
    def is_worn_out(self) -> bool:
        """Tell whether it wants replacing: its stream numbers come to their end, or the peer is leaving."""
        return self._is_leaving or self._limits.last_stream_id - self._streams.next < 2 * USUAL_STREAMS

    def calls(self) -> list[Call]:
        """List the calls on open streams."""
        return [stream.call for stream in self._streams.all()]

    def start(self, call: Call) -> None:
        """Open a stream for a call; there must be room."""
        call.carrier, call.stream = self, self._streams.open(call, self._clock.monotonic())
        self._is_leaving = self._is_leaving or self._streams.next > self._limits.last_stream_id

    def abandon(self, stream: Stream, is_overdue: bool) -> None:
        """Reset a stream nobody waits for any more; one that is overdue in silence puts the connection in doubt."""
        if self._streams.reset(stream, frames.CANCEL):
            if is_overdue and self._health.heard_at <= stream.sent_at:
                self._health.doubt()
            self.stream_ended()

    def end(self, reason: str, code: int = frames.NO_ERROR) -> None:
        """Say goodbye and close. Whatever is still open may have arrived."""
        if self.ended_by is not None:
            return
        self.ended_by = reason
        self._health.stop()
        self._out.close(code, is_peer_there=reason != "connection_lost")
        if not self.settled.done():
            self.settled.set_result(False)
        self._streams.fail_all(reason)
        self._owner.ended(self)

    def stream_ended(self) -> None:
        """Hear that there is room for another; one that is leaving goes with its last stream."""
        if self._is_leaving and not self._streams:
            self.end("goaway")
        self._owner.has_room()

    def not_sent(self, call: Call, error: NotSent) -> None:
        """Hand a request that came back untouched on to the owner."""
        self._owner.not_sent(call, error)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Introduce ourselves (section 3.4)."""
        self._out.transport = transport  # type: ignore[assignment] # TLS over TCP gives a Transport
        self._out.write(frames.PREFACE, frames.settings_frame(_OURS))
        self._health.start()

    def data_received(self, data: bytes) -> None:
        """Take whatever frames `data` completes."""
        self._health.heard()
        try:
            for kind, flags, number, payload in self._frames.feed(data):
                if self.ended_by is not None:
                    return
                self._receive(kind, flags, number, payload)
        except ProtocolError as error:
            self.end("protocol_error", error.code)

    def connection_lost(self, _error: Exception | None) -> None:
        """Everything open may have arrived."""
        self.end("connection_lost")

    def _receive(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """Handle one frame; unknown types are ignored (section 5.5)."""
        if kind == frames.HEADERS:
            self._streams.on_headers(flags, number, payload)
        elif kind == frames.DATA:
            self._streams.on_data(flags, number, payload)
        elif kind == frames.RST_STREAM:
            self._streams.on_rst_stream(flags, number, payload)
        elif not self.settled.done() and kind != frames.SETTINGS:
            raise ProtocolError(frames.PROTOCOL_ERROR, "the peer did not begin with SETTINGS")
        elif kind in _HANDLERS:
            _HANDLERS[kind](self, flags, number, payload)

    def _on_settings(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise ProtocolError(frames.PROTOCOL_ERROR, "SETTINGS on a stream")
        if flags & frames.ACK:
            self._health.answered()
            return
        for name, value in frames.read_settings(payload):
            self._set(name, value)
        self._out.write(frame(frames.SETTINGS, frames.ACK, 0))
        if not self.settled.done():
            self.settled.set_result(True)
        self._owner.has_room()

    def _set(self, name: int, value: int) -> None:
        if name == frames.MAX_CONCURRENT_STREAMS:
            self._max_streams = value
        elif name == frames.HEADER_TABLE_SIZE:
            self._out.blocks.resize(value)
        elif name == frames.INITIAL_WINDOW_SIZE:
            if value > frames.MAX_WINDOW:
                raise ProtocolError(frames.FLOW_CONTROL_ERROR, "a window larger than one can be")
            self._out.resize_windows(value, self._streams.all())
        elif name == frames.MAX_FRAME_SIZE:
            if not frames.MAX_FRAME <= value < 2**24:
                raise ProtocolError(frames.PROTOCOL_ERROR, "a frame size that none can be")
            self._out.max_frame = value

    def _on_push_promise(self, _flags: int, _number: int, _payload: bytes) -> None:
        raise ProtocolError(frames.PROTOCOL_ERROR, "a push, which we did not allow")

    def _on_ping(self, flags: int, number: int, payload: bytes) -> None:
        if number or len(payload) != 8:
            raise ProtocolError(frames.FRAME_SIZE_ERROR, "a PING that is none")
        if flags & frames.ACK:
            self._health.answered()
            self._owner.has_room()
        else:
            self._out.write(frame(frames.PING, frames.ACK, 0, payload))

    def _on_goaway(self, _flags: int, number: int, payload: bytes) -> None:
        if number:
            raise ProtocolError(frames.PROTOCOL_ERROR, "GOAWAY on a stream")
        last, code = frames.number(payload, 8) & frames.MAX_STREAM, int.from_bytes(payload[4:8], "big")
        self._is_leaving = True
        self._owner.went_away(_goaway_reason(payload[8:], code))
        self._streams.give_back_above(last)
        self.stream_ended()

    def _on_window_update(self, _flags: int, number: int, payload: bytes) -> None:
        increment = frames.number(payload) & frames.MAX_WINDOW
        stream = self._streams.find(number) if number else None
        if not increment:
            raise ProtocolError(frames.PROTOCOL_ERROR, "a window update of nothing")
        if stream is not None or not number:
            self._out.widen(stream, increment)

    def _ping(self) -> None:
        self._out.write(frame(frames.PING, 0, 0, bytes(8)))


_HANDLERS: dict[int, Callable[[Connection, int, int, bytes], None]] = {
    frames.SETTINGS: Connection._on_settings,
    frames.PUSH_PROMISE: Connection._on_push_promise,
    frames.PING: Connection._on_ping,
    frames.GOAWAY: Connection._on_goaway,
    frames.WINDOW_UPDATE: Connection._on_window_update,
}
"""Frames about the connection."""


class _GoawayBody(msgspec.Struct):
    reason: str


def _goaway_reason(debug: bytes, code: int) -> str:
    """Apple says its reason as JSON; others say at most a code."""
    try:
        return msgspec.json.decode(debug, type=_GoawayBody).reason[:64]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"code_{code}" if code < 0x100 else "code_other"
