"""A worker, run in the test's own event loop."""

import socket

from gateway.model.address import HostPort
from gateway.supervisor.worker import work
from gateway.web.listening import bind
from tests.clock import ManualClock


async def test_a_worker_whose_supervisor_is_gone_already_ends(clock: ManualClock) -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    listener = bind(HostPort("127.0.0.1", 0))
    await work(theirs, listener, clock)
    assert (theirs.fileno(), listener.fileno()) == (-1, -1)
