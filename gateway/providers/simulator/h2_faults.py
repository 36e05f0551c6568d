"""HTTP/2 going wrong to order. Knows nothing of push; README.md tells of each fault."""

import socket
import struct
from collections.abc import Iterable
from dataclasses import replace

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from gateway.model.clock import Timer
from gateway.providers.simulator.exchange import Answer, Service
from gateway.providers.simulator.h2_connection import Connection

_SHUTDOWN = b'{"reason":"Shutdown"}'
"""What Apple adds to a GOAWAY."""
_ANY_STREAM = (1 << 31) - 1
_WINDOW = 65_535
"""Each stream's window where no other is announced (RFC 9113 section 6.9.2)."""
_NO_FRAME = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
"""What a proxy says that speaks no HTTP/2; read as a frame it is one of 4.7 million octets."""
_NO_LINGER = struct.pack("ii", 1, 0)


class FaultyConnection(Connection):
    """A connection on which answers fare as their `fault` has it."""

    def __init__(self, service: Service, registry: set[Connection]) -> None:
        super().__init__(service, registry)
        self._is_dead = False
        self._last_stream = _ANY_STREAM
        self._reopening: Timer | None = None

    @property
    def _is_leaving(self) -> bool:
        return self._last_stream != _ANY_STREAM

    async def _respond(self, stream_id: int, answer: Answer) -> None:
        """Do first what comes before the delay."""
        match answer.fault:
            case "goaway_taken":
                self._leave(self._h2.highest_inbound_stream_id)
            case "early":
                self._h2.send_headers(stream_id, [(":status", "103")])
                self._flush_soon()
            case "window0":
                self._shut_window(answer.delay)
                answer = replace(answer, delay=0.0)
        await super()._respond(stream_id, answer)

    def _answer(self, stream_id: int, answer: Answer) -> None:
        match answer.fault:
            case "goaway":
                self._leave(max(0, stream_id - 2))
            case "rst":
                self._reset(stream_id, ErrorCodes.INTERNAL_ERROR)
            case "refuse":
                self._reset(stream_id, ErrorCodes.REFUSED_STREAM)
            case "silent":
                pass
            case "dead":
                self._drop_all()
                self._is_dead = True
            case "reset":
                self._abort()
            case "close":
                self._transport.close()
            case "garbage":
                self._write(_NO_FRAME)
            case "shrink":
                self._allow_streams(1)
                self._refuse_all_but(stream_id)
                super()._answer(stream_id, replace(answer, stream_limit=None))
            case "cut":
                super()._answer(stream_id, _cut(answer))
            case "html":
                super()._answer(stream_id, _page(answer))
            case _:
                super()._answer(stream_id, answer)

    def _leave(self, last: int) -> None:
        """Say GOAWAY, pass over what is above stream `last`, and close when the rest is done (RFC 9113 section 6.8)."""
        self._last_stream = min(last, self._last_stream)
        for stream_id in [key for key in self._streams if key > self._last_stream]:
            self._drop(stream_id)
        self._write(_goaway(self._last_stream))

    def _open(self, stream_id: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        if stream_id <= self._last_stream:
            super()._open(stream_id, headers)

    def say_goodbye(self) -> None:
        """Send GOAWAY, unless it has been said, and close."""
        if self._is_leaving:
            self._drop_all()
            self._transport.close()
        else:
            super().say_goodbye()

    def _refuse_all_but(self, stream_id: int) -> None:
        """Refuse every other stream on which no answer has begun."""
        for other in [key for key, stream in self._streams.items() if key != stream_id and stream.unsent is None]:
            self._reset(other, ErrorCodes.REFUSED_STREAM)

    def _shut_window(self, seconds: float) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
        self._announce_window(0)
        self._reopening = self._service.clock.call_later(seconds, lambda: self._announce_window(_WINDOW))

    def _announce_window(self, size: int) -> None:
        if not self._transport.is_closing():
            self._h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: size})
            self._flush_soon()

    def _abort(self) -> None:
        """End with a TCP reset: without the option the client sees an orderly end."""
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()

    def _write(self, octets: bytes) -> None:
        """Send, behind all frames so far, what h2 would not."""
        super()._flush()
        self._transport.write(octets)

    def _flush(self) -> None:
        if self._is_dead:
            return
        super()._flush()
        if self._is_leaving and not self._streams:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take frames, unless the connection is dead."""
        if not self._is_dead:
            super().data_received(data)


def _goaway(last: int) -> bytes:
    """Write the frame by hand: h2 sends nothing more after its own."""
    payload = last.to_bytes(4, "big") + ErrorCodes.NO_ERROR.to_bytes(4, "big") + _SHUTDOWN
    return len(payload).to_bytes(3, "big") + b"\x07" + bytes(5) + payload


def _cut(answer: Answer) -> Answer:
    """Leave off the last octet that is promised."""
    length = ("content-length", str(len(answer.body) or 1))
    return replace(answer, headers=(*answer.headers, length), body=answer.body[:-1])


def _page(answer: Answer) -> Answer:
    """What a load balancer says on behalf of a service it does not reach."""
    headers = [pair for pair in answer.headers if pair[0] == "retry-after"]
    page = f"<!DOCTYPE html>\n<html><head><title>{answer.status}</title></head><body></body></html>\n"
    return replace(answer, headers=(("content-type", "text/html"), *headers), body=page.encode())
