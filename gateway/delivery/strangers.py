"""Who comes without a secret that is known, and how often: by the address, of IPv6 by its /64.

One network's worth of IPv6 is one customer's (RFC 6177): whoever has one address of a /64 has them all.
"""

from collections import OrderedDict
from ipaddress import IPv6Address

import msgspec

from gateway.model.address import IpAddress
from gateway.model.clock import Clock
from gateway.model.outcome import Later
from gateway.model.reason import Reason

WINDOW_SECONDS = 60.0
REMEMBERED = 10_000
"""Of how many sources failures are counted; beyond, those are forgotten that failed last the longest ago."""
_HOST_BITS = 64


class _Failures(msgspec.Struct):
    """How often a source has failed since `began_at` (seconds of the monotonic clock)."""

    began_at: float
    number: int = 0


class Strangers:
    """Counts failed authentications. It is asked only after a secret was found to be none, so it keeps no one out."""

    def __init__(self, limit: int, clock: Clock) -> None:
        """Take how many failures a source has within a minute; 0 is no limit."""
        self._limit = limit
        self._clock = clock
        self._sources: OrderedDict[str, _Failures] = OrderedDict()

    def failed(self, address: IpAddress | None) -> Later | None:
        """Count a failure from an address (None: unknown, all of which count as one); return why it is one too many."""
        if not self._limit:
            return None
        now, source = self._clock.monotonic(), _source(address)
        failures = self._sources.pop(source, None)
        if failures is None or now - failures.began_at >= WINDOW_SECONDS:
            failures = _Failures(now)
        self._sources[source] = failures
        if len(self._sources) > REMEMBERED:
            self._sources.popitem(last=False)
        failures.number += 1
        rest = failures.began_at + WINDOW_SECONDS - now
        return Later(Reason.FAILED_TOO_OFTEN, retry_after=rest) if failures.number > self._limit else None


def _source(address: IpAddress | None) -> str:
    if isinstance(address, IPv6Address):
        return f"{int(address) >> _HOST_BITS:x}/64"
    return str(address)
