"""A small HTTP/2 client on the `h2` package: nothing of the gateway's, so that others' code judges the simulator."""

import asyncio
import json
import ssl
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, ConnectionState, H2Connection, H2ConnectionStateMachine
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    InformationalResponseReceived,
    PingAckReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes


class Patient(H2ConnectionStateMachine):
    """h2 takes GOAWAY for the end; the answers of the streams that it includes are still to come."""

    _transitions = {  # noqa: RUF012 - as in h2
        **H2ConnectionStateMachine._transitions,
        (ConnectionState.CLIENT_OPEN, ConnectionInputs.RECV_GOAWAY): (None, ConnectionState.CLIENT_OPEN),
    }


@dataclass
class Reply:
    """What has come on a stream; done with status 0 where the stream or the connection ended without an answer."""

    status: int = 0
    early: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    reset: int | None = None
    stream_id: int = 0
    unsent: bytes = b""
    end: bool = True
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class H2Client:
    def __init__(self, url: str, tls: ssl.SSLContext, acknowledge: bool = True):
        self.url = urlsplit(url)
        self.tls = tls
        self.acknowledge = acknowledge
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.state_machine = Patient()
        self.replies: dict[int, Reply] = {}
        self.stream_limits: list[int] = []
        self.windows: list[int] = []
        self.pongs = 0
        self.octets = b""  # as they were read last
        self.goodbye: int | None = None
        self.last_stream: int | None = None
        self.debug: bytes | None = None
        self.failure: Exception | None = None
        self.closed = asyncio.Event()
        self.settings_seen = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(
            self.url.hostname, self.url.port, ssl=self.tls, server_hostname=self.url.hostname
        )
        self.h2.initiate_connection()
        self.flush()
        self._pump = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pump.cancel()
        self.writer.transport.abort()
        await asyncio.gather(self._pump, return_exceptions=True)

    async def ready(self) -> Self:
        await self.settings_seen.wait()
        return self

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    async def _read(self) -> None:
        try:
            while octets := await self.reader.read(65536):
                self.octets = octets
                for event in self.h2.receive_data(octets):
                    self._take(event)
                self.flush()
        except (ProtocolError, OSError) as error:
            self.failure = error
            self.flush()
            self.writer.close()
        self.closed.set()
        for reply in self.replies.values():
            reply.done.set()

    def _take(self, event: object) -> None:
        match event:
            case ResponseReceived():
                headers = dict(event.headers)
                reply = self.replies[event.stream_id]
                reply.status, reply.headers = int(headers.pop(":status")), headers
            case InformationalResponseReceived():
                self.replies[event.stream_id].early.append(int(dict(event.headers)[":status"]))
            case DataReceived():
                self.replies[event.stream_id].body += event.data
                if self.acknowledge:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamReset():
                self.replies[event.stream_id].reset = int(event.error_code)
                self.replies[event.stream_id].done.set()
            case StreamEnded():
                self.replies[event.stream_id].done.set()
            case RemoteSettingsChanged():
                changed = event.changed_settings.get(SettingCodes.MAX_CONCURRENT_STREAMS)
                if changed:
                    self.stream_limits.append(changed.new_value)
                window = event.changed_settings.get(SettingCodes.INITIAL_WINDOW_SIZE)
                if window:
                    self.windows.append(window.new_value)
                self.settings_seen.set()
                self._send_bodies()
            case WindowUpdated():
                self._send_bodies()
            case PingAckReceived():
                self.pongs += 1
            case ConnectionTerminated():
                self.goodbye, self.last_stream = int(event.error_code), event.last_stream_id
                self.debug = event.additional_data

    def start(
        self,
        path: str,
        headers: list[tuple[str, str]],
        body: bytes,
        method: str = "POST",
        end: bool = True,
    ) -> Reply:
        stream_id = self.h2.get_next_available_stream_id()
        reply = self.replies[stream_id] = Reply(stream_id=stream_id, unsent=body, end=end)
        pseudo = [(":method", method), (":scheme", "https"), (":authority", self.url.netloc), (":path", path)]
        self.h2.send_headers(stream_id, pseudo + headers, end_stream=end and not body)
        self._send_body(reply)
        self.flush()
        return reply

    def _send_bodies(self) -> None:
        for reply in self.replies.values():
            self._send_body(reply)

    def _send_body(self, reply: Reply) -> None:
        while reply.unsent:
            room = min(self.h2.local_flow_control_window(reply.stream_id), self.h2.max_outbound_frame_size)
            if room <= 0:
                return
            piece, reply.unsent = reply.unsent[:room], reply.unsent[room:]
            self.h2.send_data(reply.stream_id, piece, end_stream=reply.end and not reply.unsent)

    async def send(self, path: str, headers: list[tuple[str, str]], body: bytes, method: str = "POST") -> Reply:
        await self.ready()
        reply = self.start(path, headers, body, method)
        async with asyncio.timeout(10):
            await reply.done.wait()
        return reply
