"""The open streams of one connection (RFC 9113 section 5), and what the peer sends on them."""

from typing import Protocol

from gateway.http2 import frames
from gateway.http2.answer_block import BlockReader, Head
from gateway.http2.errors import NotSent, ProtocolError, Unanswered
from gateway.http2.outgoing import Outgoing
from gateway.http2.stream import Call, Carrier, Stream
from gateway.http2.values import Limits

USUAL_STREAMS = 100
"""How many streams we open where the peer sets no limit."""
ACKNOWLEDGE_AT = 32_768
"""Octets received before the peer is given new window: half of what it starts with."""


class Owner(Carrier, Protocol):
    """Who hears what becomes of streams."""

    def not_sent(self, call: Call, error: NotSent) -> None:
        """A request came back untouched."""
        ...


class Streams:
    """Every call given to `open` ends: answered, failed, or back at the owner."""

    def __init__(self, owner: Owner, out: Outgoing, limits: Limits, last: int) -> None:
        """Use stream numbers up to `last` (section 5.1.1)."""
        self._owner = owner
        self._out = out
        self._limits = limits
        self._blocks = BlockReader()
        self._unacknowledged = 0
        self.open: dict[int, Stream] = {}
        """The open streams by their numbers, oldest first."""
        self.limit = USUAL_STREAMS
        """How many the peer allows at once."""
        self.next, self.last = 1, last
        """The number of the next stream, and the highest there may be."""
        self.answered = 0
        self.is_ending = False
        """Whether the numbers come to their end."""
        self.is_roomier = False
        """Whether there may be room for more streams than when somebody last looked."""

    def start(self, call: Call, now: float) -> None:
        """Open a stream for a call and send its request.

        Raises:
            NotSent: no such request may be sent; nothing has changed.
        """
        request, out = call.request, self._out
        block = out.blocks.write(request.path, request.constant, request.varying)
        call.stream = stream = Stream(self.next, call, self._owner, out.initial_window, out.turn, now)
        self.open[self.next] = stream
        self.next += 2
        if not self.is_ending:
            self.is_ending = self.next > self.last - 2 * USUAL_STREAMS
        out.send(stream, block, request.body)

    def _find(self, number: int) -> Stream | None:
        """Find a stream by its number; None for one that has ended here and of which more still arrives."""
        stream = self.open.get(number)
        if stream is None and (not number % 2 or number >= self.next):
            raise ProtocolError(frames.PROTOCOL_ERROR, "a frame on a stream that was never opened")
        return stream

    def reset(self, stream: Stream, code: int) -> None:
        """Tell the peer that nobody waits for an open stream any more."""
        self._out.write(frames.rst_stream(stream.number, code))
        self._drop(stream)

    def fail_all(self, reason: str) -> None:
        """End every stream: its request may have arrived, unless nothing of it left this process."""
        for stream in tuple(self.open.values()):
            self._drop(stream)
            if stream.turn == self._out.turn:
                self._owner.not_sent(stream.call, NotSent(reason))
            else:
                stream.call.fail(Unanswered(reason))

    def give_back_above(self, last: int) -> None:
        """Return the requests the peer says it will not process (section 6.8)."""
        for stream in tuple(self.open.values()):
            if stream.number > last:
                self._drop(stream)
                self._owner.not_sent(stream.call, NotSent("goaway"))

    def on_data(self, flags: int, number: int, payload: bytes) -> None:
        """Take a piece of an answer's body."""
        if payload:
            self._acknowledge(len(payload))
        stream = self._find(number)
        if stream is None:
            return
        data = frames.unpadded(flags, payload) if flags & frames.PADDED else payload
        if stream.head is None:
            self.fail(stream, frames.PROTOCOL_ERROR)
            return
        if data:
            stream.collect(data)
        if flags & frames.END_STREAM:
            self._finish(stream, stream.head)
        elif len(stream.body) > self._limits.max_response_body:
            self._answer(stream, stream.head, is_peer_done=False)
        else:
            self._acknowledge_stream(stream, len(payload))

    def on_headers(self, flags: int, number: int, block: bytes) -> None:
        """Take an answer's headers, what comes before them (1xx), or its trailers."""
        head = self._blocks.read(block)  # also of streams long gone: every block is part of the connection's state
        stream = self._find(number)
        if stream is None:
            return
        is_last = flags & frames.END_STREAM
        if stream.head is not None:
            if is_last and head.status == 0:
                self._finish(stream, stream.head)
            else:
                self.fail(stream, frames.PROTOCOL_ERROR)
        elif not head.status or head.status == 101 or (head.status < 200 and is_last):
            self.fail(stream, frames.PROTOCOL_ERROR)
        elif head.status >= 200:
            stream.head = head
            if is_last:
                self._finish(stream, head)

    def on_rst_stream(self, number: int, payload: bytes) -> None:
        """Take the end of a stream without an answer; a refused one was not processed (section 8.7)."""
        stream, code = self._find(number), frames.number(payload)
        if stream is None:
            return
        self._drop(stream)
        if code == frames.REFUSED_STREAM:
            self._owner.not_sent(stream.call, NotSent("refused_stream"))
        else:
            stream.call.fail(Unanswered("stream_reset"))

    def on_window_update(self, number: int, payload: bytes) -> None:
        """Take window for requests' bodies (section 6.9)."""
        increment, self.is_roomier = frames.number(payload) & frames.MAX_WINDOW, True
        if number:
            self._widen_stream(number, increment)
        elif increment:
            self._out.widen(increment)
        else:
            raise ProtocolError(frames.PROTOCOL_ERROR, "a window update of nothing")

    def _widen_stream(self, number: int, increment: int) -> None:
        """Take window for one stream; a wrong increment ends the stream alone."""
        stream = self._find(number)
        if stream is None:
            return
        if not increment:
            self.fail(stream, frames.PROTOCOL_ERROR)
            return
        try:
            self._out.widen_stream(stream, increment)
        except ProtocolError as error:
            self.fail(stream, error.code)

    def fail(self, stream: Stream, code: int) -> None:
        """End a stream on which the peer broke the protocol; the others go on (section 5.4.2)."""
        self.reset(stream, code)
        stream.call.fail(Unanswered("protocol_error"))

    def _finish(self, stream: Stream, head: Head) -> None:
        """Take an answer that is complete, unless it is shorter or longer than it says (section 8.1.1)."""
        if head.length is not None and head.length != str(len(stream.body)):
            self.fail(stream, frames.PROTOCOL_ERROR)
        else:
            self._answer(stream, head, is_peer_done=True)

    def _answer(self, stream: Stream, head: Head, is_peer_done: bool) -> None:
        if stream.unsent or not is_peer_done:
            self._out.write(frames.rst_stream(stream.number, frames.CANCEL))
        self.answered += 1
        self._drop(stream)
        stream.answer(head, self._limits.max_response_body)

    def _drop(self, stream: Stream) -> None:
        del self.open[stream.number]
        stream.call.stream = None
        self.is_roomier = True
        if stream.unsent:
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
