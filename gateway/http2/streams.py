"""The open streams of one connection (RFC 9113 section 5), and what the peer sends on them."""

from typing import Protocol

from gateway.http2 import frames
from gateway.http2.errors import NotSent, ProtocolError, Unanswered
from gateway.http2.header_block import BlockReader
from gateway.http2.outgoing import Outgoing
from gateway.http2.stream import Call, Stream
from gateway.http2.values import Limits

ACKNOWLEDGE_AT = 32_768
"""Octets received before the peer is given new window: half of what it starts with."""


class Owner(Protocol):
    """Who hears what becomes of streams."""

    def stream_ended(self) -> None:
        """There is room for another."""
        ...

    def not_sent(self, call: Call, error: NotSent) -> None:
        """A request came back untouched."""
        ...


class Streams:
    """Every call given to `open` ends: answered, failed, or back at the owner."""

    def __init__(self, owner: Owner, out: Outgoing, limits: Limits) -> None:
        self._owner = owner
        self._out = out
        self._limits = limits
        self._blocks = BlockReader()
        self._open: dict[int, Stream] = {}
        self._unacknowledged = 0
        self.next = 1
        self.answered = 0

    def __len__(self) -> int:
        return len(self._open)

    def all(self) -> list[Stream]:
        """List the open streams, oldest first."""
        return list(self._open.values())

    def open(self, call: Call, now: float) -> Stream:
        """Open a stream for a call and send its request."""
        stream = Stream(self.next, call, self._out.initial_window, now)
        self.next += 2
        self._open[stream.number] = stream
        self._out.open(stream)
        return stream

    def find(self, number: int) -> Stream | None:
        """Find a stream by its number; None for one that has ended here and of which more still arrives.

        Raises:
            ProtocolError: it was never opened.
        """
        if not number % 2 or number >= self.next:
            raise ProtocolError(frames.PROTOCOL_ERROR, "a frame on a stream that was never opened")
        return self._open.get(number)

    def reset(self, stream: Stream, code: int) -> bool:
        """Tell the peer that nobody waits for a stream any more; False when it has ended already."""
        if self._open.get(stream.number) is not stream:
            return False
        self._out.write(frames.rst_stream(stream.number, code))
        self._drop(stream)
        return True

    def fail_all(self, reason: str) -> None:
        """End every stream: its request may have arrived."""
        for stream in self.all():
            stream.call.fail(Unanswered(reason))
            self._drop(stream)

    def give_back_above(self, last: int) -> None:
        """Return the requests the peer says it will not process (section 6.8)."""
        for stream in self.all():
            if stream.number > last:
                self._drop(stream)
                self._owner.not_sent(stream.call, NotSent("goaway"))

    def on_data(self, flags: int, number: int, payload: bytes) -> None:
        """Take a piece of an answer's body."""
        self._acknowledge(len(payload))
        stream = self.find(number)
        if stream is None:
            return
        if stream.headers is None:
            raise ProtocolError(frames.PROTOCOL_ERROR, "a body before its headers")
        data = frames.unpadded(flags, payload)
        stream.body.append(data)
        stream.size += len(data)
        if flags & frames.END_STREAM:
            self._finish(stream)
        elif stream.size > self._limits.max_response_body:
            self._out.write(frames.rst_stream(number, frames.CANCEL))
            self._finish(stream)
        else:
            self._acknowledge_stream(stream, len(payload))

    def on_headers(self, flags: int, number: int, block: bytes) -> None:
        """Take an answer's headers, what comes before them (1xx), or its trailers."""
        headers = self._blocks.read(block)  # also of streams long gone: every block is part of the connection's state
        stream = self.find(number)
        if stream is None:
            return
        status = headers.get(":status", "")
        if stream.headers is None and not status.isdecimal():
            self._fail(stream)
        elif stream.headers is None and not status.startswith("1"):
            stream.headers = headers
        if flags & frames.END_STREAM and number in self._open:
            self._finish(stream)

    def on_rst_stream(self, _flags: int, number: int, payload: bytes) -> None:
        """Take the end of a stream without an answer; a refused one was not processed (section 8.7)."""
        stream, code = self.find(number), frames.number(payload)
        if stream is None:
            return
        self._drop(stream)
        if code == frames.REFUSED_STREAM:
            self._owner.not_sent(stream.call, NotSent("refused_stream"))
        else:
            stream.call.fail(Unanswered("stream_reset"))
        self._owner.stream_ended()

    def _finish(self, stream: Stream) -> None:
        if stream.headers is None:
            self._fail(stream)
            return
        if stream.unsent:
            self._out.write(frames.rst_stream(stream.number, frames.CANCEL))
        self.answered += 1
        self._drop(stream)
        stream.finish(self._limits.max_response_body)
        self._owner.stream_ended()

    def _fail(self, stream: Stream) -> None:
        self.reset(stream, frames.PROTOCOL_ERROR)
        stream.call.fail(Unanswered("protocol_error"))
        self._owner.stream_ended()

    def _drop(self, stream: Stream) -> None:
        del self._open[stream.number]
        stream.call.stream = None
        self._out.forget(stream)

    def _acknowledge(self, size: int) -> None:
        self._unacknowledged += size
        if self._unacknowledged >= ACKNOWLEDGE_AT:
            self._out.write(frames.window_update(0, self._unacknowledged))
            self._unacknowledged = 0

    def _acknowledge_stream(self, stream: Stream, size: int) -> None:
        stream.unacknowledged += size
        if stream.unacknowledged >= ACKNOWLEDGE_AT:
            self._out.write(frames.window_update(stream.number, stream.unacknowledged))
            stream.unacknowledged = 0
