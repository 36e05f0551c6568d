"""One HTTP/2 connection of a client (RFC 9113): how it begins, what the peer says of it, how it ends."""

import asyncio
import ssl
from collections.abc import Callable

from gateway.http2 import frames
from gateway.http2.errors import NotSent, ProtocolError
from gateway.http2.frame_reader import FrameReader
from gateway.http2.frames import frame
from gateway.http2.goaway import goaway_reason
from gateway.http2.health import Health
from gateway.http2.outgoing import Outgoing
from gateway.http2.owner import Owner
from gateway.http2.standing import Standing
from gateway.http2.stream import Call, Stream
from gateway.http2.streams import Streams
from gateway.http2.values import Limits
from gateway.model.clock import Clock
from gateway.model.traffic import ConnectionStatistics

MAX_OWED = 1_000
"""How many answers to PING and SETTINGS a peer may ask for that does not read them."""
_OURS = ((frames.HEADER_TABLE_SIZE, 0), (frames.ENABLE_PUSH, 0))


class Connection(asyncio.Protocol):
    """Carries calls as streams, and knows whether it may be given more."""

    address = ""
    """Where it goes, as far as we can see."""

    def __init__(self, owner: Owner, authority: str, clock: Clock, limits: Limits, last_stream: int) -> None:
        """Wait for a transport; use stream numbers up to `last_stream`."""
        self._owner = owner
        self._clock = clock
        self._frames = FrameReader()
        self._out = Outgoing(authority)
        self._streams = Streams(self, self._out, limits, last_stream)
        self._health = Health(clock, limits, self)
        self._owed = 0
        self.standing = Standing(self._streams, self._out, self._health)
        self.ended_by: str | None = None
        self.settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Tell whether requests are under way."""
        return bool(self._streams.open)

    def calls(self) -> list[Call]:
        """List the calls on open streams."""
        return [stream.call for stream in self._streams.open.values()]

    def statistics(self) -> ConnectionStatistics:
        """Return the connection as it is now."""
        return ConnectionStatistics(
            address=self.address,
            in_flight=len(self._streams.open),
            limit=self._streams.limit,
            answered=self._streams.answered,
            is_leaving=self.standing.is_leaving,
            rtt=self._health.rtt,
        )

    def start(self, call: Call, now: float) -> None:
        """Open a stream for a call; there must be room.

        Raises:
            NotSent: the request is not one that may be sent.
        """
        if not self._streams.open:
            self._health.busy(now)
        self._streams.start(call, now)
        self.standing.heed_window()
        if self._streams.next > self._streams.last:
            self.standing.leave()

    def abandon(self, stream: Stream, is_overdue: bool) -> None:
        """Reset a stream nobody waits for any more; one that is overdue in silence puts the connection in doubt."""
        self._streams.reset(stream, frames.CANCEL)
        if is_overdue and self._health.heard_at <= stream.sent_at:
            self._health.doubt()
        self._make_use_of_room()

    def end(self, reason: str, code: int = frames.NO_ERROR) -> None:
        """Say goodbye and close. Whatever is still open may have arrived."""
        if self.ended_by is not None:
            return
        self.ended_by = reason
        self.standing.is_open = False
        self.standing.weigh()
        self._health.stop()
        self._out.close(code, is_peer_there=reason != "connection_lost")
        if not self.settled.done():
            self.settled.set_result(False)
        self._streams.fail_all(reason)
        self._owner.ended(self)

    def not_sent(self, call: Call, error: NotSent) -> None:
        """Hand a request that came back untouched on to the owner; after a refusal, open nothing for a moment."""
        if error.reason == "refused_stream":
            self.standing.rest()
        self._owner.not_sent(call, error)

    def _make_use_of_room(self) -> None:
        """Give room to others; a connection that is leaving goes with its last stream."""
        self._streams.is_roomier = False
        if self.standing.is_leaving and not self._streams.open:
            self.end("goaway")
        self._owner.has_room()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Introduce ourselves (section 3.4)."""
        self.closed = asyncio.get_running_loop().create_future()
        self._out.transport = transport  # type: ignore[assignment] # TLS over TCP gives a Transport
        self._out.write(frames.PREFACE, frames.settings_frame(_OURS))
        self._health.start()

    def data_received(self, data: bytes) -> None:
        """Take whatever frames `data` completes."""
        self._health.heard()
        try:
            for kind, flags, number, payload in self._frames.feed(data):
                if self.ended_by is not None:
                    break
                self._receive(kind, flags, number, payload)
        except ProtocolError as error:
            self.end("protocol_error", error.code)
        if self._streams.is_roomier:
            self._make_use_of_room()

    def connection_lost(self, error: Exception | None) -> None:
        """Everything open may have arrived. TLS 1.3 refuses a client certificate only now."""
        is_refused = isinstance(error, ssl.SSLError) and not self.settled.done()
        self.end("tls_failed" if is_refused else "connection_lost")
        if self.closed is not None:
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """Open no more streams while the peer does not read."""
        self.standing.is_writable = False
        self.standing.weigh()

    def resume_writing(self) -> None:
        """Go on."""
        self.standing.is_writable = True
        self.recovered()

    def _receive(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """Handle one frame; unknown types are ignored (section 5.5)."""
        if kind == frames.HEADERS:
            self._streams.on_headers(flags, number, payload)
        elif kind == frames.DATA:
            self._streams.on_data(flags, number, payload)
        elif kind == frames.RST_STREAM:
            self._streams.on_rst_stream(number, payload)
        elif not self.settled.done() and kind not in (frames.SETTINGS, frames.GOAWAY):
            raise ProtocolError(frames.PROTOCOL_ERROR, "the peer did not begin with SETTINGS")
        elif kind == frames.WINDOW_UPDATE:
            self._streams.on_window_update(number, payload)
            self.standing.heed_window()
        elif kind == frames.PUSH_PROMISE:
            raise ProtocolError(frames.PROTOCOL_ERROR, "a push, which we did not allow")
        elif kind in _HANDLERS:
            if number:
                raise ProtocolError(frames.PROTOCOL_ERROR, "a frame about the connection on a stream")
            _HANDLERS[kind](self, flags, payload)

    def _on_settings(self, flags: int, payload: bytes) -> None:
        settings = frames.read_settings(flags, payload)
        if flags & frames.ACK:
            self._health.answered()
            return
        self._reply(frame(frames.SETTINGS, frames.ACK, 0))  # before what holds to them already (section 6.5.3)
        for name, value in settings:
            if name == frames.MAX_CONCURRENT_STREAMS:
                self._streams.limit = value
            self._out.set(name, value, self._streams.open.values())
        self._health.rested()
        self.standing.is_open = True
        if not self.settled.done():
            self.settled.set_result(True)
        self.recovered()

    def _on_ping(self, flags: int, payload: bytes) -> None:
        if len(payload) != 8:
            raise ProtocolError(frames.FRAME_SIZE_ERROR, "PING of the wrong size")
        if flags & frames.ACK:
            self._health.answered()
        else:
            self._reply(frame(frames.PING, frames.ACK, 0, payload))

    def _reply(self, octets: bytes) -> None:
        """Answer what the peer asked, unless it has asked much and reads nothing (section 10.5)."""
        self._owed = 0 if self.standing.is_writable else self._owed + 1
        if self._owed > MAX_OWED:
            raise ProtocolError(frames.ENHANCE_YOUR_CALM, "a peer that asks and does not read")
        self._out.write(octets)

    def _on_goaway(self, _flags: int, payload: bytes) -> None:
        last, code, debug = frames.read_goaway(payload)
        self._owner.went_away(self, goaway_reason(code, debug))
        self.standing.leave()
        self._streams.give_back_above(last)
        self._make_use_of_room()

    # What its health asks for.

    def ping(self) -> None:
        """Ask the peer for a sign of life, and let those who wait go elsewhere until there is one."""
        self.standing.weigh()
        self._out.write(frame(frames.PING, 0, 0, bytes(8)))
        self._owner.has_room()

    def give_up(self) -> None:
        """End it: the peer gave none."""
        self.end("connection_lost")

    def recovered(self) -> None:
        """Hear that it may be used again."""
        self.standing.weigh()
        self._owner.has_room()


_HANDLERS: dict[int, Callable[[Connection, int, bytes], None]] = {
    frames.SETTINGS: Connection._on_settings,
    frames.PING: Connection._on_ping,
    frames.GOAWAY: Connection._on_goaway,
}
"""Frames about the connection."""
