"""The way out to Apple and Google: whom to trust there, and which proxy stands between."""

import ssl
from collections.abc import Iterable

from gateway.http2 import Origin, Pool, Proxy
from gateway.model.address import Network, parse_address
from gateway.model.clock import Clock
from gateway.providers.tls import client_context


class Egress:
    """Opens pools by one rule for all hosts outside."""

    def __init__(self, ca_file: str = "", proxy: Proxy | None = None, no_proxy: Iterable[str] = ()) -> None:
        """Reach every host through `proxy`, but for those in `no_proxy`.

        Args:
            ca_file: a PEM file of the only authorities to trust; "" trusts the system's.
            proxy: an HTTP proxy that lets us through by CONNECT; None for none.
            no_proxy: host names, with what lies below them, addresses and ranges of them; "*" is every host.
        """
        self._ca_file = ca_file
        self._proxy = proxy
        self._no_proxy = tuple(no_proxy)
        self._shared: ssl.SSLContext | None = None

    def tls(self) -> ssl.SSLContext:
        """Return the one context of all who show no certificate; reads files the first time, so call it in a thread.

        Raises:
            OSError: the file is missing or holds no certificate.
        """
        if self._shared is None:
            self._shared = self.own_tls()
        return self._shared

    def own_tls(self) -> ssl.SSLContext:
        """Return a context that is the caller's alone, for showing a certificate; see `tls`."""
        return client_context(self._ca_file)

    def pool(self, origin: Origin, tls: ssl.SSLContext, clock: Clock) -> Pool:
        """Make a pool of connections to a host."""
        return Pool(origin, tls, clock=clock, proxy=self.proxy_to(origin.host))

    def proxy_to(self, host: str) -> Proxy | None:
        """Return the proxy on the way to a host; None where it is reached directly."""
        return None if any(_matches(host, entry) for entry in self._no_proxy) else self._proxy


def _matches(host: str, entry: str) -> bool:
    """Tell whether an entry of NO_PROXY means a host, as curl reads it: a name and all names below it."""
    if entry == "*":
        return True
    address = parse_address(host)
    if address is None:
        name = entry.lower().strip(".")
        return bool(name) and f".{host.lower()}".endswith(f".{name}")
    try:
        return address in Network.parse(entry)
    except ValueError:
        return False
