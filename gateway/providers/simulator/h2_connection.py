"""One client's HTTP/2 connection, seen from the server, on the `h2` package. Knows nothing of push."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import structlog
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from gateway.providers.simulator.exchange import Answer, Request, Service

_CONNECTION_WINDOW = 1 << 20
_UNLIMITED = (1 << 31) - 1


@dataclass(slots=True)
class _Stream:
    headers: list[tuple[str, str]]
    body: bytearray = field(default_factory=bytearray)
    oversized: bool = False
    task: asyncio.Task[None] | None = None
    unsent: bytes | None = None
    """What is left of the answer's body; None before there is an answer."""


class Connection(asyncio.Protocol):
    """Hands requests to the service's handler, one task each, and its answers to the client.

    A stream above the announced limit is refused (REFUSED_STREAM), even by a client that has not read the limit yet. A
    client that goes away, or resets a stream, cancels the handler.
    """

    peer_certificate: bytes | None = None
    """The client's certificate (DER), when it has shown one that the door's authority signed."""

    def __init__(self, service: Service, registry: "set[Connection]") -> None:
        self._service = service
        self._registry = registry
        self._streams: dict[int, _Stream] = {}
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._loop = asyncio.get_running_loop()
        self._flushing = False
        self._stream_limit = 0
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Announce the settings. As with Apple, a client need not name HTTP/2 (ALPN), only speak it."""
        self._transport = cast(asyncio.Transport, transport)
        self._registry.add(self)
        tls = transport.get_extra_info("ssl_object")
        self.peer_certificate = tls.getpeercert(binary_form=True)
        self._stream_limit = self._service.first_stream_limit(self.peer_certificate)
        self._announce()

    def _announce(self) -> None:
        self._h2.local_settings = _settings(self._stream_limit)
        self._h2.initiate_connection()
        # h2 would end the whole connection over one stream too many; _open refuses just that stream.
        self._h2.local_settings = _settings(_UNLIMITED)
        self._h2.increment_flow_control_window(_CONNECTION_WINDOW)
        self._flush()

    def _allow_streams(self, limit: int) -> None:
        """Announce another limit of concurrent streams; nothing is said when it is the same."""
        if limit != self._stream_limit:
            self._stream_limit = limit
            self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: limit})

    def data_received(self, data: bytes) -> None:
        """Take frames; a client that breaks the protocol gets GOAWAY."""
        try:
            events = self._h2.receive_data(data)
        except ProtocolError:
            self._drop_all()
            self._flush()
            self._transport.close()
            return
        for event in events:
            self._take(event)
        self._flush_soon()

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._open(event.stream_id, event.headers)
            case DataReceived():
                self._collect(event.stream_id, event.data)
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                self._start(event.stream_id)
            case StreamReset():
                self._drop(event.stream_id)
            case WindowUpdated() | RemoteSettingsChanged():
                self._send_what_fits()
            case ConnectionTerminated():
                self._drop_all()
                self._transport.close()

    def _open(self, stream_id: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        if len(self._streams) >= self._stream_limit:
            self._h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        decoded = [(name.decode("utf-8", "replace"), value.decode("utf-8", "replace")) for name, value in headers]
        self._streams[stream_id] = _Stream(decoded)

    def _collect(self, stream_id: int, data: bytes) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None:
            room = self._service.body_limit - len(stream.body)
            stream.body += data[:room]
            stream.oversized |= len(data) > room

    def _start(self, stream_id: int) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.task = self._loop.create_task(self._serve(stream_id, self._request(stream)))

    def _request(self, stream: _Stream) -> Request:
        pseudo = {name: value for name, value in stream.headers if name.startswith(":")}
        headers = tuple(pair for pair in stream.headers if not pair[0].startswith(":"))
        path = pseudo.get(":path", "")
        return Request(self, pseudo[":method"], path, headers, bytes(stream.body), stream.oversized)

    async def _serve(self, stream_id: int, request: Request) -> None:
        try:
            answer = await self._service.handler(request)
        except Exception as error:  # a fault of the handler must not leave the client waiting
            structlog.get_logger().error("simulator.handler_failed", error=type(error).__name__)
            self._reset(stream_id, ErrorCodes.INTERNAL_ERROR)
        else:
            await self._respond(stream_id, answer)
        self._flush_soon()

    async def _respond(self, stream_id: int, answer: Answer) -> None:
        if answer.delay:
            await self._service.clock.sleep(answer.delay)
        self._answer(stream_id, answer)

    def _answer(self, stream_id: int, answer: Answer) -> None:
        if answer.stream_limit is not None:
            self._allow_streams(answer.stream_limit)
        self._streams[stream_id].unsent = answer.body
        headers = [(":status", str(answer.status)), *answer.headers]
        self._h2.send_headers(stream_id, headers, end_stream=not answer.body)
        self._send_body(stream_id)

    def _send_what_fits(self) -> None:
        for stream_id in [key for key, stream in self._streams.items() if stream.unsent]:
            self._send_body(stream_id)

    def _send_body(self, stream_id: int) -> None:
        stream = self._streams[stream_id]
        while stream.unsent:
            room = min(self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size)
            if room <= 0:
                return
            piece, stream.unsent = stream.unsent[:room], stream.unsent[room:]
            self._h2.send_data(stream_id, piece, end_stream=not stream.unsent)
        del self._streams[stream_id]

    def _flush_soon(self) -> None:
        """Write the frames of one loop turn together."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        data = self._h2.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def pause_writing(self) -> None:
        """Read no more from a client that does not read its answers."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._transport.resume_reading()

    def say_goodbye(self) -> None:
        """Send GOAWAY and close; handlers still at work are cancelled."""
        self._drop_all()
        if not self._transport.is_closing():
            self._h2.close_connection()
            self._flush()
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel what nobody waits for any more."""
        self._drop_all()
        self._registry.discard(self)
        self.closed.set_result(None)

    def _reset(self, stream_id: int, code: ErrorCodes) -> None:
        """End a stream without an answer."""
        self._drop(stream_id)
        self._h2.reset_stream(stream_id, code)

    def _drop_all(self) -> None:
        for stream_id in list(self._streams):
            self._drop(stream_id)

    def _drop(self, stream_id: int) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is not None and stream.task is not None:
            stream.task.cancel()


def _settings(stream_limit: int) -> Settings:
    return Settings(client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: stream_limit})
