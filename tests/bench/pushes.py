"""The pushes that HTTP/2 clients are measured with, and the nghttpd that takes them."""

import ssl
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import trustme

from gateway.http2 import Limits, Origin, Pool, Request
from gateway.model.clock import SystemClock
from tests.servers.nghttpd import nghttpd

HOST = "127.0.0.1"
STREAMS = 1_000
"""How many at once nghttpd allows on a connection, as Apple does."""
TOKENS = tuple(f"{number:064x}" for number in range(100))
MESSAGE = {
    "aps": {"alert": {"title": "#general", "body": "a short message"}, "badge": 3, "sound": "default"},
    "ejson": {"host": "https://chat.example.com/", "messageId": "x" * 17, "rid": "y" * 17, "type": "c"},
}
CONSTANT = {
    "apns-topic": "com.example.chat",
    "apns-priority": "10",
    "apns-push-type": "alert",
    "authorization": f"bearer {'x' * 200}",
}
"""The headers that all pushes have in common."""
_CONSTANT = tuple(CONSTANT.items())


class Target(msgspec.Struct, frozen=True):
    """A server that takes pushes, and the file of the authority that vouches for it."""

    port: int
    authority: str

    def tls(self) -> ssl.SSLContext:
        """Make a client's context."""
        context = ssl.create_default_context(cafile=self.authority)
        context.set_alpn_protocols(["h2"])
        return context

    def pool(self, limits: Limits) -> Pool:
        """Make a pool of our own client."""
        return Pool(Origin(HOST, self.port), self.tls(), clock=SystemClock(), limits=limits)


def varying() -> dict[str, str]:
    """Make the headers that no two pushes have in common."""
    name = str(uuid.uuid4())
    return {"apns-id": name, "apns-expiration": str(int(time.time()) + 86_400), "apns-collapse-id": name[:16]}


def push(token: str) -> Request:
    """Make a push for our own client."""
    return Request(f"/3/device/{token}", _CONSTANT, tuple(varying().items()), msgspec.json.encode(MESSAGE))


@contextmanager
def target() -> Iterator[Target]:
    """Run an nghttpd that answers a push to any of the tokens with 200 and nothing."""
    authority = trustme.CA()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority.cert_pem.write_to_path(folder / "authority.pem")
        devices = folder / "root" / "3" / "device"
        devices.mkdir(parents=True)
        for token in TOKENS:
            (devices / token).touch()
        with nghttpd(authority, folder, "-m", str(STREAMS)) as server:
            yield Target(server.port, str(folder / "authority.pem"))
