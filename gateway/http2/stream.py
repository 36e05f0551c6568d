"""One request on its way, from the line it waits in to its answer."""

import asyncio
from typing import Protocol

from gateway.http2.answer_block import Head
from gateway.http2.errors import Http2Error
from gateway.http2.values import Request, Response


class Carrier(Protocol):
    """What carries a stream: its connection."""

    def abandon(self, stream: "Stream", is_overdue: bool) -> None:
        """Reset a stream nobody waits for any more."""
        ...


class Call:
    """A request somebody waits for. At most one stream at a time carries it, and it ends once."""

    __slots__ = ("answer", "attempts", "moment", "request", "stream")

    moment: int
    """When it comes due, as Deadlines counts."""

    def __init__(self, request: Request, answer: "asyncio.Future[Response]") -> None:
        self.request = request
        self.answer = answer
        self.attempts = 0
        self.stream: Stream | None = None

    def fail(self, error: Http2Error) -> None:
        """End without an answer; nothing when it has ended already."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Stream:
    """One stream of a connection (RFC 9113 section 5)."""

    head: Head | None = None
    body: bytes | bytearray = b""
    """What has arrived of the answer's body."""
    unsent = memoryview(b"")
    """What the peer's windows hold back of the request's body."""
    unacknowledged = 0

    def __init__(self, number: int, call: Call, carrier: Carrier, window: int, turn: int, sent_at: float) -> None:
        self.number = number
        self.call = call
        self.carrier = carrier
        self.window = window
        self.turn = turn
        self.sent_at = sent_at

    def collect(self, data: bytes) -> None:
        """Take another piece of the answer's body."""
        if isinstance(self.body, bytearray):
            self.body += data
        else:
            self.body = bytearray(data)

    def answer(self, head: Head, limit: int) -> None:
        """End the call with the answer that has arrived, its body cut at `limit` bytes."""
        if not self.call.answer.done():
            self.call.answer.set_result(Response(head.status or 0, head.headers, bytes(self.body[:limit])))
