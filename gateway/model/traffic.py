"""Connections to the outside, in numbers."""

from collections.abc import Mapping

import msgspec


class ConnectionStatistics(msgspec.Struct, frozen=True):
    """A connection as it is now; `limit` is how many streams the peer allows at once, `rtt` is seconds."""

    address: str
    in_flight: int
    limit: int
    answered: int
    is_leaving: bool
    rtt: float | None


class PoolStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """A pool of connections, or several, as they are now, and what they have counted since they were made.

    `rtt` is the shortest of the round trips last measured, in seconds. `retries` counts requests that came back
    untouched and were sent again; `goaways` the peers' goodbyes by their reasons, of which there are few.
    """

    open: int = 0
    connecting: int = 0
    idle: int = 0
    in_flight: int = 0
    waiting: int = 0
    requests: int = 0
    retries: int = 0
    goaways: Mapping[str, int] = {}
    rtt: float | None = None
    connections: tuple[ConnectionStatistics, ...] = ()
