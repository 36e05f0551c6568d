"""What pools count, and several of them together."""

from collections import Counter
from collections.abc import Iterable, Sequence

from gateway.model.traffic import ConnectionStatistics, PoolStatistics

MAX_REASONS = 50
"""How many reasons of GOAWAYs are told apart; a peer may say anything."""


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
