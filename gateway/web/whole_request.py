"""A push request that came in one piece, head and body, as nearly all do."""

import httptools
import msgspec

from gateway.rocketchat.endpoint import Endpoint, parse_path
from gateway.web.body import MAX_BODY
from gateway.web.sender import Sender

MAX_HEAD = 16 * 1024
_LISTS = {b"x-forwarded-for", b"via"}
"""Headers that may stand more than once."""
_UNUSUAL = {b"content-encoding", b"expect", b"transfer-encoding", b"upgrade"}
"""Headers that make a request one for aiohttp."""
_REWRITTEN = (b"%", b"?", b"#", b"//", b"/.")
"""What in a request's target has to be worked on before it is a path."""


class WholeRequest(msgspec.Struct, frozen=True):
    """One push request, ready to be taken."""

    endpoint: Endpoint
    sender: Sender
    body: bytes
    keeps_alive: bool

    def __repr__(self) -> str:
        return f"WholeRequest({self.endpoint!r}, {self.sender!r}, {len(self.body)} octets)"

    async def read(self) -> bytes:
        """Return the body."""
        return self.body


class RequestReader:
    """Tells one connection's whole push requests from everything else."""

    def __init__(self, peer: str) -> None:
        """Read what the other end, `peer`, sends."""
        self._peer = peer
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def read(self, data: bytes) -> WholeRequest | None:
        """Return the request, if `data` is one whole plain push request and nothing besides.

        Whatever is None here, aiohttp reads again from its first octet; after that, this reader is of no use any more.
        """
        head = data.find(b"\r\n\r\n", 0, MAX_HEAD) + 4
        if head < 4 or not data.startswith(b"POST /") or len(data) - head > MAX_BODY:
            return None
        try:
            self._parser.feed_data(data)
            return self._request(len(data) - head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        finally:
            self._begin()  # an idle connection remembers nothing of what it brought

    def _begin(self) -> None:
        self._target = self._body = b""
        self._said: dict[bytes, list[bytes]] = {}
        self._is_plain = True
        self._is_complete = self._keeps_alive = False

    def _request(self, body: int) -> WholeRequest | None:
        if not (self._is_complete and self._is_plain and self._is_of_known_version() and len(self._body) == body):
            return None
        if not self._target.isascii() or any(part in self._target for part in _REWRITTEN):
            return None
        endpoint = parse_path(self._target.decode("ascii"))
        return None if endpoint is None else WholeRequest(endpoint, self._sender(), self._body, self._keeps_alive)

    def _is_of_known_version(self) -> bool:
        """Tell whether it is HTTP/1.1 with the Host it must have, or HTTP/1.0 that wants one answer."""
        version = self._parser.get_http_version()
        return b"host" in self._said if version == "1.1" else version == "1.0" and not self._keeps_alive

    def _sender(self) -> Sender:
        authorization = self._all(b"authorization")
        return Sender(
            self._peer,
            authorization[0] if authorization else "",
            self._all(b"x-forwarded-for"),
            self._all(b"via"),
        )

    def _all(self, name: bytes) -> list[str]:
        return [value.strip(b" \t").decode("utf-8", "surrogateescape") for value in self._said.get(name, ())]

    def on_url(self, url: bytes) -> None:
        """Hear the target, or a part of it."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Hear one header."""
        name = name.lower()
        said = self._said.setdefault(name, [])
        said.append(value)
        if name in _UNUSUAL or (len(said) > 1 and name not in _LISTS):
            self._is_plain = False

    def on_body(self, body: bytes) -> None:
        """Hear the body, or a part of it."""
        self._body += body

    def on_message_complete(self) -> None:
        """Hear that the request ends."""
        self._is_complete = True
        self._keeps_alive = self._parser.should_keep_alive()
