"""Every HTTP/2 fault, seen by a client at the simulator's own doors."""

import asyncio
from pathlib import Path
from typing import get_args

import pytest
from h2.exceptions import InvalidBodyLengthError
from h2.settings import SettingCodes

from gateway.providers import simulator as package
from gateway.providers.simulator import Rule
from gateway.providers.simulator.exchange import Fault
from tests.providers.simulator.conftest import TOPIC
from tests.providers.simulator.h2_client import H2Client

README = (Path(package.__file__).parent / "README.md").read_text()
INTERNAL_ERROR, REFUSED_STREAM = 2, 7
FIRST, SECOND, THIRD = "a1" * 32, "b2" * 32, "c3" * 32


@pytest.mark.parametrize("fault", get_args(Fault))
def test_the_readme_tells_of_every_fault(fault):
    assert README.count(f"\n| `{fault}` | ") == 1


@pytest.fixture
def parted(simulator, certified, push, until):
    """Begin a push and wait until the simulator has it; with a certificate there may be many at a time."""

    async def begin(token):
        before = len(simulator.received)
        begun = asyncio.create_task(push(certified, token=token))
        await until(lambda: len(simulator.received) > before)
        return begun

    return begin


async def test_goaway_leaves_the_push_out(simulator, apns, push, tls):
    simulator.set_rules([Rule(h2="goaway", times=1)])
    assert (await push(apns)).status == 0
    assert (apns.goodbye, apns.last_stream, apns.debug) == (0, 0, b'{"reason":"Shutdown"}')
    assert (apns.closed.is_set(), apns.failure, simulator.received) == (True, None, [])
    async with H2Client(simulator.apns_url, tls) as another:
        assert (await push(another)).status == 200
    assert len(simulator.received) == 1


async def test_goaway_lets_the_streams_below_finish(simulator, certified, push, parted, clock, until):
    going = Rule(token_prefix=SECOND, h2="goaway", delay_ms=500)
    simulator.set_rules([going, Rule(token_prefix=THIRD, delay_ms=700), Rule(delay_ms=1000)])
    below = await parted(FIRST)
    itself = asyncio.create_task(push(certified, token=SECOND))
    above = await parted(THIRD)
    await clock.advance(0.5)
    await until(lambda: certified.goodbye is not None)
    late = asyncio.create_task(push(certified, token=THIRD))
    await clock.advance(0.4)
    assert (certified.last_stream, certified.closed.is_set()) == (1, False)
    await clock.advance(0.1)
    assert [(await each).status for each in (below, itself, above, late)] == [200, 0, 0, 0]
    assert certified.closed.is_set()
    assert [entry.token for entry in simulator.received] == [FIRST, THIRD]


async def test_a_later_goaway_takes_no_more_streams_in(simulator, certified, push, until):
    simulator.set_rules([Rule(token_prefix=FIRST, h2="goaway_taken"), Rule(h2="goaway")])
    await certified.ready()
    slow = certified.start(f"/3/device/{FIRST}", [("apns-topic", TOPIC)], b'{"aps":{}}', end=False)
    passed_over = asyncio.create_task(push(certified, token=SECOND))
    await until(lambda: certified.last_stream == 1)
    certified.h2.end_stream(slow.stream_id)
    certified.flush()
    assert (await passed_over).status == 0
    assert (slow.status, certified.last_stream) == (200, 1)


async def test_stopping_says_no_second_goaway(simulator, certified, push, parted, until):
    simulator.set_rules([Rule(h2="goaway_taken", delay_ms=1000)])
    first = await parted(FIRST)
    await until(lambda: certified.goodbye is not None)
    late = asyncio.create_task(push(certified))
    await until(lambda: len(certified.replies) == 2)
    await simulator.stop()
    assert [(await first).status, (await late).status, certified.last_stream] == [0, 0, 1]


async def test_goaway_taken_comes_before_the_answer_and_the_end_behind_it(simulator, apns, push, clock, until):
    simulator.set_rules([Rule(h2="goaway_taken", delay_ms=1000)])
    sent = asyncio.create_task(push(apns))
    await until(lambda: apns.goodbye is not None)
    assert (apns.last_stream, apns.debug, apns.closed.is_set()) == (1, b'{"reason":"Shutdown"}', False)
    await clock.advance(1)
    assert (await sent).status == 200
    await until(apns.closed.is_set)
    assert [entry.h2 for entry in simulator.received] == ["goaway_taken"]


@pytest.mark.parametrize(("fault", "code", "taken"), [("rst", INTERNAL_ERROR, 1), ("refuse", REFUSED_STREAM, 0)])
async def test_a_reset_ends_the_stream_alone(simulator, apns, push, send, fcm, fault, code, taken):
    simulator.set_rules([Rule(h2=fault, platform="apns", times=1), Rule(h2=fault, platform="fcm", times=1)])
    assert ((await push(apns)).reset, (await send()).reset) == (code, code)
    assert len(simulator.received) == 2 * taken
    assert ((await push(apns)).status, (await send()).status) == (200, 200)


async def test_a_silent_stream_holds_up_no_other(simulator, certified, push, parted, clock):
    simulator.set_rules([Rule(h2="silent", times=1)])
    unanswered = await parted(FIRST)
    assert (await push(certified)).status == 200
    await clock.advance(3600)
    assert not unanswered.done()
    certified.h2.reset_stream(1)
    certified.flush()
    unanswered.cancel()
    assert (await push(certified)).status == 200


async def test_a_dead_connection_says_nothing_more(simulator, certified, push, parted, apns, clock, until):
    simulator.set_rules([Rule(token_prefix=FIRST, h2="dead"), Rule(token_prefix=SECOND, h2="close", delay_ms=1000)])
    waiting = [await parted(SECOND), await parted(FIRST)]
    certified.h2.ping(bytes(8))
    waiting.append(asyncio.create_task(push(certified, token=THIRD)))
    await clock.advance(3600)
    assert (await push(apns, authorization=None)).status == 403
    assert [entry.token for entry in simulator.received[:2]] == [SECOND, FIRST]
    assert len(simulator.received) == 3
    assert (certified.pongs, certified.closed.is_set()) == (0, False)
    await simulator.stop()
    assert [(await each).status for each in waiting] == [0, 0, 0]
    assert certified.goodbye is None


async def test_a_client_may_leave_a_dead_connection(simulator, certified, parted):
    simulator.set_rules([Rule(h2="dead")])
    unanswered = await parted(FIRST)
    certified.writer.close()
    assert (await unanswered).status == 0


async def test_shrink_refuses_the_others_until_the_next_answer(simulator, certified, push, parted, until):
    simulator.set_rules([Rule(token_prefix=FIRST, delay_ms=1000), Rule(status=400, h2="shrink", times=1)])
    waiting = await parted(FIRST)
    assert (await push(certified)).json == {"reason": "BadDeviceToken"}
    assert (await waiting).reset == REFUSED_STREAM
    assert certified.stream_limits == [1000, 1]
    assert (await push(certified)).status == 200
    assert certified.stream_limits == [1000, 1, 1000]


async def test_shrink_does_not_refuse_what_is_being_answered(simulator, fcm, send, until):
    simulator.set_rules([Rule(token_prefix="last", h2="shrink")])
    await send()
    fcm.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
    begun = asyncio.create_task(send())
    await until(lambda: len(fcm.replies) == 3 and fcm.replies[5].status)
    last = asyncio.create_task(send({"token": "last"}))
    await until(lambda: fcm.stream_limits[-1] == 1)
    fcm.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 65_535})
    fcm.flush()
    assert [(await reply).json["name"][:9] for reply in (begun, last)] == ["projects/", "projects/"]


async def test_google_can_shrink_too(simulator, fcm, send):
    simulator.set_rules([Rule(platform="fcm", h2="shrink", times=1)])
    assert [(await send()).status, (await send()).status] == [200, 200]
    assert fcm.stream_limits == [100, 1, 100]


async def test_no_body_gets_through_a_shut_window(simulator, apns, push, clock, until):
    simulator.set_rules([Rule(h2="window0", times=1)])
    assert (await push(apns)).status == 200
    assert apns.windows == [65_535, 0]
    held = asyncio.create_task(push(apns))
    await until(lambda: len(apns.replies) == 2)
    await clock.advance(0.9)
    assert apns.replies[3].unsent
    assert len(simulator.received) == 1
    await clock.advance(0.1)
    assert (await held).status == 200
    assert apns.windows == [65_535, 0, 65_535]


async def test_a_window_shut_twice_opens_once(simulator, certified, push, clock, until):
    simulator.set_rules([Rule(h2="window0", delay_ms=200, times=1), Rule(h2="window0", delay_ms=300, times=1)])
    both = await asyncio.gather(push(certified), push(certified))
    assert [reply.status for reply in both] == [200, 200]
    await clock.advance(0.2)
    assert certified.windows == [65_535, 0, 0]
    await clock.advance(0.1)
    await until(lambda: certified.windows == [65_535, 0, 0, 65_535])


async def test_a_window_opens_for_nobody_when_its_client_has_left(simulator, apns, push, clock, until):
    simulator.set_rules([Rule(h2="window0")])
    await push(apns)
    apns.h2.close_connection()
    apns.flush()
    await until(apns.closed.is_set)
    await clock.advance(1)
    assert apns.windows == [65_535, 0]


@pytest.mark.parametrize(("fault", "failure"), [("reset", ConnectionResetError), ("close", type(None))])
async def test_an_end_without_goaway(simulator, apns, push, send, fcm, fault, failure):
    simulator.set_rules([Rule(h2=fault)])
    for client, reply in ((apns, await push(apns)), (fcm, await send())):
        assert (reply.status, reply.reset, client.goodbye) == (0, None, None)
        assert isinstance(client.failure, failure)
    assert [(entry.platform, entry.status, entry.h2) for entry in simulator.received] == [
        ("apns", 200, fault),
        ("fcm", 200, fault),
    ]


async def test_garbage_is_left_to_the_client(simulator, certified, push, until):
    simulator.set_rules([Rule(token_prefix=SECOND, h2="garbage")])
    answered = asyncio.create_task(push(certified, token=FIRST))
    unanswered = asyncio.create_task(push(certified, token=SECOND))
    await until(lambda: b"HTTP/1.1 400" in certified.octets)
    assert ((await answered).status, unanswered.done()) == (200, False)
    assert not certified.closed.is_set()
    certified.h2.close_connection()
    certified.flush()
    assert (await unanswered).status == 0


async def test_an_answer_cut_short_is_malformed(simulator, send, fcm):
    simulator.set_rules([Rule(h2="cut")])
    assert (await send()).done.is_set()
    assert isinstance(fcm.failure, InvalidBodyLengthError)


async def test_an_answer_without_a_body_is_cut_short_too(simulator, apns, push):
    simulator.set_rules([Rule(h2="cut")])
    reply = await push(apns)
    assert (reply.status, reply.headers["content-length"], reply.body) == (200, "1", b"")


async def test_an_early_answer_is_not_the_answer(simulator, apns, push, clock, until):
    simulator.set_rules([Rule(h2="early", status=410, delay_ms=1000)])
    sent = asyncio.create_task(push(apns))
    await until(lambda: apns.replies and apns.replies[1].early)
    assert not sent.done()
    await clock.advance(1)
    reply = await sent
    assert (reply.early, reply.status, reply.json["reason"]) == ([103], 410, "Unregistered")


async def test_a_load_balancer_answers_in_html(simulator, apns, push, send):
    simulator.set_rules([Rule(h2="html", status=502, retry_after=7)])
    for reply in (await push(apns), await send()):
        assert reply.status == 502
        assert reply.headers == {"content-type": "text/html", "retry-after": "7"}
        assert reply.body.startswith(b"<!DOCTYPE html>")


async def test_a_fault_waits_as_an_answer_does(simulator, apns, push, clock, until):
    simulator.set_rules([Rule(h2="rst", delay_ms=1000)])
    sent = asyncio.create_task(push(apns))
    await until(lambda: simulator.received)
    await clock.advance(0.9)
    assert not sent.done()
    await clock.advance(0.1)
    assert (await sent).reset == INTERNAL_ERROR
