"""Source addresses from which requests come that no workspace's secret opens."""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_network

from gateway.model.address import IpAddress
from gateway.model.clock import Clock

WINDOW_SECONDS = 60.0
REMEMBERED = 10_000
"""How many addresses are counted at most, those that came last."""


class Strangers:
    """Counts failed authentications by address, a minute long; of IPv6 a /64 is one, for a host has all of it."""

    def __init__(self, limit: int, clock: Clock) -> None:
        """Take how many fail in a minute before the address is told to come later; 0 is no limit."""
        self._limit = limit
        self._clock = clock
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def are_many(self, address: IpAddress | None) -> bool:
        """Tell whether an address has failed too often."""
        begun, count = self._counts.get(_whose(address), (0.0, 0)) if self._counts else (0.0, 0)
        return bool(self._limit) and count >= self._limit and self._clock.monotonic() - begun < WINDOW_SECONDS

    def failed(self, address: IpAddress | None) -> float:
        """Count one; return 0, or for how many seconds the address has failed too often."""
        now, whose = self._clock.monotonic(), _whose(address)
        begun, count = self._counts.pop(whose, (now, 0))
        if now - begun >= WINDOW_SECONDS:
            begun, count = now, 0
        self._counts[whose] = begun, count + 1
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
        return begun + WINDOW_SECONDS - now if self._limit and count >= self._limit else 0.0


def _whose(address: IpAddress | None) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)
