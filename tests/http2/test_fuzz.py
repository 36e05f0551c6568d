"""Whatever octets come, in whatever pieces: nothing breaks, every request ends once, and what we write is proper."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http2 import Http2Error
from tests.clock import ManualClock
from tests.http2.in_memory import Caller, Reader
from tests.http2.sessions import BEGINNINGS, ENDINGS, MUTATED, PLANS, SESSIONS, Act

EXAMPLES = 10_000 if "CI" in os.environ else 300
REFUSALS = ("goaway", "refused_stream")
"""Why a request may come back that has been sent."""


class Session:
    """One connection from its first octet to its last, and what can be said of every such."""

    def __init__(self) -> None:
        self._clock = ManualClock()
        self._caller = Caller(self._clock)
        self._connection = self._caller.connection
        self._broken: list[object] = []
        self._fed = 0

    async def play(self, octets: bytes, plan: list[tuple[int, Act]], ending: str) -> None:
        """Feed octets piece by piece, with other things happening in between, and some more when all is over."""
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: self._broken.append(context))
        self._connection.connection_made(self._caller.wire)
        rest = octets
        for size, act in plan:
            piece, rest = rest[:size], rest[size:]
            self._feed(piece)
            await self._happens(act)
        self._feed(rest)
        await self._end(ending)
        self._feed(octets)
        await asyncio.sleep(0)

    def judge(self) -> None:
        """Check what must hold whatever has happened."""
        caller = self._caller
        assert self._broken == []
        assert caller.endings == 1
        assert all(times == 1 for times in caller.times_ended())
        assert all(isinstance(error, Http2Error) for error in caller.errors())
        assert caller.wire.late == b""
        assert self._clock.pending == 0
        reader = Reader()
        reader.read(bytes(caller.wire.written))
        sent = {call.request.path: call.request.body for call in caller.calls}
        assert all(sent[path].startswith(reader.bodies[stream]) for stream, path in reader.paths.items())
        assert all(sent[reader.paths[stream]] == reader.bodies[stream] for stream in reader.complete)
        kept = {call.request.path for call, reason in caller.returned if reason not in REFUSALS}
        assert not kept & set(reader.paths.values()), "what was not sent was sent"
        asked = sum(len(body) + 200 for body in sent.values())
        assert len(caller.wire.written) <= 200 + asked + 10 * self._fed, "work without bounds"

    def _feed(self, octets: bytes) -> None:
        self._fed += len(octets)
        self._connection.data_received(octets)

    async def _happens(self, act: Act) -> None:
        match act:
            case "turn":
                await asyncio.sleep(0)
            case "overdue" | "cancelled":
                self._caller.give_up(is_overdue=act == "overdue")
            case "pause":
                self._connection.pause_writing()
            case "resume":
                self._connection.resume_writing()
            case int():
                self._caller.call(bytes(act))
            case float():
                await self._clock.advance(act)

    async def _end(self, ending: str) -> None:
        if ending == "closed":
            self._connection.end("closed")
        else:
            self._caller.wire.lose(ConnectionResetError() if ending == "reset" else None)
        assert self._connection.closed is not None
        await self._connection.closed


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.timeout(300)
@settings(max_examples=EXAMPLES, deadline=None)
@given(octets=MUTATED | SESSIONS, plan=PLANS, ending=ENDINGS)
def test_a_session_however_spoilt_ends_every_request_once(
    runner: asyncio.Runner, octets: bytes, plan: list[tuple[int, Act]], ending: str
) -> None:
    runner.run(played(octets, plan, ending)).judge()


@pytest.mark.timeout(300)
@settings(max_examples=EXAMPLES, deadline=None)
@given(beginning=st.sampled_from([b"", *BEGINNINGS]), octets=st.binary(max_size=200), plan=PLANS, ending=ENDINGS)
def test_any_octets_end_every_request_once(
    runner: asyncio.Runner, beginning: bytes, octets: bytes, plan: list[tuple[int, Act]], ending: str
) -> None:
    runner.run(played(beginning + octets, plan, ending)).judge()


async def played(octets: bytes, plan: list[tuple[int, Act]], ending: str) -> Session:
    session = Session()
    await session.play(octets, plan, ending)
    return session
