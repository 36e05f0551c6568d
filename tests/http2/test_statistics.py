"""What pools count, and several of them together."""

from gateway.http2 import summed
from gateway.http2.statistics import MAX_REASONS, Tally
from gateway.model.traffic import ConnectionStatistics, PoolStatistics

BUSY = ConnectionStatistics("17.0.0.1:443", in_flight=3, limit=100, answered=9, is_leaving=False, rtt=0.2)
IDLE = ConnectionStatistics("17.0.0.2:443", in_flight=0, limit=1, answered=0, is_leaving=True, rtt=None)


def test_a_pool_tells_what_it_has_counted_and_what_is_now() -> None:
    tally = Tally()
    tally.requests, tally.retries = 9, 2
    tally.went_away("Shutdown")
    assert tally.statistics([BUSY, IDLE], connecting=1, waiting=4) == PoolStatistics(
        open=2,
        connecting=1,
        idle=1,
        in_flight=3,
        waiting=4,
        requests=9,
        retries=2,
        goaways={"Shutdown": 1},
        rtt=0.2,
        connections=(BUSY, IDLE),
    )


def test_several_pools_are_summed_and_the_shortest_way_is_kept() -> None:
    one = PoolStatistics(open=1, idle=1, requests=5, retries=1, goaways={"a": 1, "b": 2}, rtt=0.3, connections=(BUSY,))
    other = PoolStatistics(open=2, connecting=1, in_flight=3, waiting=7, requests=1, goaways={"b": 1}, rtt=0.1)
    assert summed([one, other, PoolStatistics()]) == PoolStatistics(
        open=3,
        connecting=1,
        idle=1,
        in_flight=3,
        waiting=7,
        requests=6,
        retries=1,
        goaways={"a": 1, "b": 3},
        rtt=0.1,
        connections=(BUSY,),
    )
    assert summed([]) == PoolStatistics()


def test_peers_cannot_make_up_reasons_without_end() -> None:
    tally = Tally()
    for number in range(MAX_REASONS + 10):
        tally.went_away(f"reason_{number}")
    tally.went_away("reason_0")
    goaways = tally.statistics([], 0, 0).goaways
    assert (len(goaways), goaways["reason_0"], goaways["other"]) == (MAX_REASONS + 1, 2, 10)
    pools = [PoolStatistics(goaways={f"{pool}_{number}": 1 for number in range(MAX_REASONS)}) for pool in range(3)]
    assert len(summed(pools).goaways) == MAX_REASONS + 1
