"""An HTTP proxy on the way out, passed by CONNECT (RFC 9110 section 9.3.6)."""

import asyncio
import base64
import re
import socket
from urllib.parse import unquote, urlsplit

import msgspec

from gateway.http2.errors import NotSent
from gateway.model.address import HostPort
from gateway.model.secret import Secret

MAX_HEAD = 16_384
"""The most octets of a proxy's answer."""
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])[ \r]")


class Proxy(msgspec.Struct, frozen=True):
    """Where the proxy is, and `user:password` if it asks for them."""

    host: str
    port: int
    credentials: Secret = Secret("")

    @property
    def target(self) -> str:
        """Its host and port."""
        return str(HostPort(self.host, self.port))

    @property
    def authorization(self) -> Secret:
        """What shows it who we are (RFC 7617); empty where it does not ask."""
        if not self.credentials:
            return self.credentials
        return Secret("Basic " + base64.b64encode(self.credentials.reveal().encode()).decode())

    @classmethod
    def parse(cls, url: str) -> "Proxy":
        """Read `[http://][user:password@]host[:port]`, percent-encoded where needed.

        Raises:
            ValueError: it is no such URL; the message does not repeat it, as it may hold a password.
        """
        wanted = ValueError("Expected a URL such as http://user:password@proxy.example.com:3128")
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port or 80
        except ValueError:
            raise wanted from None
        if parts.scheme != "http" or not host or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise wanted
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(host, port, Secret(f"{user}:{password}" if user else ""))


async def pass_through(opened: socket.socket, proxy: Proxy, target: str) -> None:
    """Let a proxy connect an open socket to `target`, a host and port.

    Raises:
        NotSent: it did not.
    """
    try:
        await asyncio.get_running_loop().sock_sendall(opened, _request(proxy, target))
        status = await _status(opened)
    except OSError:
        raise NotSent("proxy_failed") from None
    if status == 407:
        raise NotSent("proxy_auth")
    if not 200 <= status < 300:
        raise NotSent("proxy_refused" if status else "proxy_failed")


def _request(proxy: Proxy, target: str) -> bytes:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization.reveal()}")
    return "\r\n".join((*lines, "", "")).encode("ascii", "replace")


async def _status(opened: socket.socket) -> int:
    """Read the answer and return its status; 0 for what is none. Nothing may follow it: TLS waits for our word."""
    head = b""
    while b"\r\n\r\n" not in head:
        octets = await asyncio.get_running_loop().sock_recv(opened, MAX_HEAD)
        head += octets
        if not octets or len(head) > MAX_HEAD:
            return 0
    line = _STATUS_LINE.match(head)
    return int(line[1]) if line else 0
