"""What connections and pools have to say of themselves."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

MAX_REASONS = 50
"""How many reasons of GOAWAYs are told apart; a peer may say anything."""


class ConnectionStatistics(msgspec.Struct, frozen=True):
    """A connection as it is now; `limit` is how many streams the peer allows at once, `rtt` is seconds."""

    address: str
    in_flight: int
    limit: int
    answered: int
    is_leaving: bool
    rtt: float | None


class PoolStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """A pool, or several, as they are now, and what they have counted since they were made.

    `rtt` is the shortest of the round trips last measured, in seconds. `retries` counts requests that came back
    untouched and were sent again.
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


class Tally:
    """What a pool counts."""

    def __init__(self) -> None:
        self.requests = 0
        self.retries = 0
        self._goaways: Counter[str] = Counter()

    def went_away(self, reason: str) -> None:
        """Count a GOAWAY."""
        _count(self._goaways, reason, 1)

    def statistics(self, connections: Sequence[ConnectionStatistics], connecting: int, waiting: int) -> PoolStatistics:
        """Return it together with what is now."""
        return PoolStatistics(
            open=len(connections),
            connecting=connecting,
            idle=sum(not connection.in_flight for connection in connections),
            in_flight=sum(connection.in_flight for connection in connections),
            waiting=waiting,
            requests=self.requests,
            retries=self.retries,
            goaways=dict(self._goaways),
            rtt=_shortest(connection.rtt for connection in connections),
            connections=tuple(connections),
        )


def summed(pools: Sequence[PoolStatistics]) -> PoolStatistics:
    """Return several pools as one."""
    goaways: Counter[str] = Counter()
    for pool in pools:
        for reason, times in pool.goaways.items():
            _count(goaways, reason, times)
    return PoolStatistics(
        open=sum(pool.open for pool in pools),
        connecting=sum(pool.connecting for pool in pools),
        idle=sum(pool.idle for pool in pools),
        in_flight=sum(pool.in_flight for pool in pools),
        waiting=sum(pool.waiting for pool in pools),
        requests=sum(pool.requests for pool in pools),
        retries=sum(pool.retries for pool in pools),
        goaways=dict(goaways),
        rtt=_shortest(pool.rtt for pool in pools),
        connections=tuple(connection for pool in pools for connection in pool.connections),
    )


def _count(goaways: Counter[str], reason: str, times: int) -> None:
    goaways[reason if reason in goaways or len(goaways) < MAX_REASONS else "other"] += times


def _shortest(rtts: Iterable[float | None]) -> float | None:
    return min((rtt for rtt in rtts if rtt is not None), default=None)
