"""Who a request says it is from: its source address, its bearer."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from gateway.model.address import IpAddress, Network, parse_address
from gateway.model.secret import Secret
from gateway.providers.upstream import VIA


class Sender(msgspec.Struct, frozen=True):
    """The other end of the connection, and what the headers say of who is behind it."""

    peer: str
    authorization: str = ""
    forwarded_for: Sequence[str] = ()
    via: Sequence[str] = ()

    def __repr__(self) -> str:
        return f"Sender(peer={self.peer!r}, authorization={'***' if self.authorization else ''})"

    def address(self, trusted_proxies: Sequence[Network]) -> IpAddress | None:
        """Return the address of the client, looking through trusted proxies only.

        X-Forwarded-For grows to the right, one hop a proxy; the last address that is not a trusted proxy's is the
        client's. What stands left of it anybody could have written.
        """
        address = parse_address(self.peer)
        forwarded = ",".join(self.forwarded_for).split(",")
        while forwarded and address is not None and any(address in network for network in trusted_proxies):
            hop = forwarded.pop().strip()
            if not hop:
                break
            address = parse_address(hop)
        return address

    @property
    def bearer(self) -> str | None:
        """The token of `Authorization: Bearer <token>` (RFC 6750 section 2.1), None when there is none."""
        scheme, _, token = self.authorization.partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    def bearer_to_pass_on(self, secret: str | None) -> Secret | None:
        """Return what the official gateway may be shown: the server's own bearer, empty where it has none.

        None where there is nothing to show: a workspace's secret to us is not for others, and what a gateway like this
        one has forwarded is not forwarded again.

        Args:
            secret: the workspace's secret that stands in the request's path; None: the bearer is the secret.
        """
        token = self.bearer or ""
        is_forwarded = any(VIA in hops for hops in self.via)
        return None if is_forwarded or secret is None or token == secret or not token.isascii() else Secret(token)


def sender_of(request: web.Request) -> Sender:
    """Say who an aiohttp request is from."""
    headers = request.headers
    return Sender(
        request.remote or "",
        headers.get("Authorization", ""),
        headers.getall("X-Forwarded-For", ()),
        headers.getall("Via", ()),
    )
