"""Who a request says it is from: its source address, its bearer."""

from collections.abc import Sequence

from aiohttp import web

from gateway.model.address import IpAddress, Network, parse_address
from gateway.model.secret import Secret
from gateway.providers.upstream import VIA


def source_address(request: web.Request, trusted_proxies: Sequence[Network]) -> IpAddress | None:
    """Return the address of the client, looking through trusted proxies only.

    X-Forwarded-For grows to the right, one hop a proxy; the last address that is not a trusted proxy's is the
    client's. What stands left of it anybody could have written.
    """
    address = parse_address(request.remote or "")
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
    while forwarded and address is not None and any(address in network for network in trusted_proxies):
        hop = forwarded.pop().strip()
        if not hop:
            break
        address = parse_address(hop)
    return address


def bearer(request: web.Request) -> str | None:
    """Return the token of `Authorization: Bearer <token>` (RFC 6750 section 2.1), None when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def bearer_to_pass_on(request: web.Request, secret: str | None) -> Secret | None:
    """Return what the official gateway may be shown: the server's own bearer, empty where it has none.

    None where there is nothing to show: a workspace's secret to us is not for others, and what a gateway like this one
    has forwarded is not forwarded again.

    Args:
        request: the push request.
        secret: the workspace's secret that stands in its path; None: the bearer is the secret.
    """
    token = bearer(request) or ""
    is_forwarded = any(VIA in hops for hops in request.headers.getall("Via", ()))
    return None if is_forwarded or secret is None or token == secret or not token.isascii() else Secret(token)
