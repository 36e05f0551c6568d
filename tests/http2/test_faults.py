"""Faults of a peer: what becomes of the requests is known, comes in time, and the pool goes on."""

import asyncio

import pytest

from gateway.http2 import Limits
from tests.clock import ManualClock
from tests.http2.conftest import MakePool, Send
from tests.http2.faults.answers import ANSWERS
from tests.http2.faults.breaches import BREACHES
from tests.http2.faults.endings import ENDINGS
from tests.http2.faults.stage import PATHS, TIMEOUT, Fate, Fault, Stage, end_of
from tests.http2.faults.streams import STREAMS
from tests.http2.faults.windows import WINDOWS
from tests.http2.scripted import PATIENCE, Server

FAULTS = [*ENDINGS, *BREACHES, *STREAMS, *WINDOWS, *ANSWERS]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_every_request_ends_in_time_as_the_fault_allows_and_the_next_is_served(
    server: Server, make_pool: MakePool, send: Send, clock: ManualClock, fault: Fault
) -> None:
    pool = make_pool(Limits(max_connections=1))
    deadline = clock.monotonic() + TIMEOUT
    sending = {path: send(path, fault.body, TIMEOUT, pool) for path in PATHS}
    stage = await Stage.of(server, clock, fault.settings, fault.begun)
    await fault.script(stage)
    stage.serve()
    await asyncio.wait(sending.values(), timeout=PATIENCE)
    assert clock.monotonic() <= deadline
    ends = {path: end_of(task) for path, task in sending.items()}
    assert ends == {path: fate.end for path, fate in fault.fates.items()}
    statistics = pool.statistics()
    assert (statistics.in_flight, statistics.waiting, statistics.goaways) == (0, 0, fault.goaways)
    await clock.advance(fault.pause)
    assert (await send("/next", by=pool)).status == 200
    assert server.connections == fault.connections
    await pool.aclose()
    await stage.over()
    seen = [path for peer in server.peers for path in peer.paths]
    assert {path: Fate(end, seen.count(path)) for path, end in ends.items()} == fault.fates
    assert stage.complaints == sorted(fault.complaints)
    assert statistics.retries == sum(seen.count(path) > 1 for path in PATHS)
