"""Every HTTP/2 fault that the simulator knows, through the whole gateway, to the server's answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, get_args

import msgspec
import pytest

from gateway.providers.simulator import Rule, Simulator
from gateway.providers.simulator.exchange import Fault
from tests.clock import ManualClock
from tests.end_to_end.running import Answer, Running, message, start_gateway

PROVIDERS = {"apns": ("apn", "{:02x}" + 31 * "a1"), "fcm": ("gcm", "{:02x}fcmtok:APA91bEXAMPLE_TOKEN")}
TIMEOUT = 10.0
BURST, STRUCK = 60, "1e"
"""How many pushes at a time, and how the token of the one begins that meets the fault."""

AT_ONCE = [
    (Rule(h2="goaway", times=1), 200, "delivered"),
    (Rule(h2="goaway_taken", times=1, delay_ms=50), 200, "delivered"),
    (Rule(h2="rst", times=1), 503, "{}_unanswered"),
    (Rule(h2="refuse", times=1), 200, "delivered"),
    (Rule(h2="shrink", times=1), 200, "delivered"),
    (Rule(h2="window0", times=1, delay_ms=200), 200, "delivered"),
    (Rule(h2="reset", times=1), 503, "{}_unanswered"),
    (Rule(h2="close", times=1), 503, "{}_unanswered"),
    (Rule(h2="garbage", times=1), 503, "{}_unanswered"),
    (Rule(h2="cut", times=1), 503, "{}_unanswered"),
    (Rule(h2="early", times=1), 200, "delivered"),
    (Rule(h2="html", times=1, status=502), 503, "{}_unknown_answer"),
]
GIVEN_UP = 7.0
"""Seconds until a connection on which nothing comes any more is ended: 2 of silence, 5 for a PING."""
NEVER = [(Rule(h2="silent", times=1), TIMEOUT), (Rule(h2="dead", times=1), GIVEN_UP)]
EVERY_TIME = [Rule(h2="goaway"), Rule(h2="refuse")]


def test_every_fault_is_tried() -> None:
    tried = [rule.h2 for rule, *_ in AT_ONCE] + [rule.h2 for rule, _ in NEVER]
    assert sorted(tried) == sorted(get_args(Fault))


def named(rules: list[Rule]) -> dict[str, Any]:
    return {"argvalues": rules, "ids": [rule.h2 for rule in rules]}


async def push(gateway: Running, provider: str, number: int = 0) -> Answer:
    platform, token = PROVIDERS[provider]
    return await gateway.push(platform, message(token.format(number)))


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("rule", "status", "code"), AT_ONCE, ids=[rule.h2 for rule, *_ in AT_ONCE])
@pytest.mark.parametrize("is_fresh", [True, False], ids=["fresh", "proven"])
async def test_a_fault_costs_at_most_its_own_push(
    gateway: Running, provider: str, rule: Rule, status: int, code: str, is_fresh: bool
) -> None:
    if not is_fresh:
        await gateway.prove()
    gateway.simulator.set_rules([rule])
    async with asyncio.timeout(TIMEOUT / 2):
        answer = await push(gateway, provider)
    assert (answer.status, answer.code) == (status, code.format(provider))
    assert (len(gateway.simulator.received), gateway.simulator.rules[0].times) == (1, 0)
    assert (await push(gateway, provider)).status == 200
    assert len(gateway.simulator.received) == 2


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("rule", "status", "code"), AT_ONCE, ids=[rule.h2 for rule, *_ in AT_ONCE])
async def test_no_push_of_a_burst_is_delivered_twice(
    gateway: Running, provider: str, rule: Rule, status: int, code: str
) -> None:
    await gateway.prove()
    gateway.simulator.set_rules([msgspec.structs.replace(rule, token_prefix=STRUCK)])
    async with asyncio.timeout(TIMEOUT / 2):
        answers = await asyncio.gather(*(push(gateway, provider, number) for number in range(BURST)))
    taken = [entry.token for entry in gateway.simulator.received]
    assert len(taken) == len(set(taken))
    assert {answer.code for answer in answers} <= {"delivered", code.format(provider)}
    assert status != 200 or len(taken) == BURST
    assert (await push(gateway, provider)).status == 200


@pytest.fixture
async def still(simulator: Simulator) -> AsyncIterator[tuple[Running, ManualClock]]:
    """A gateway for which time passes only when it is told to."""
    clock = ManualClock(time.time())
    async with AsyncExitStack() as cleanup:
        gateway = await start_gateway(simulator, cleanup, clock=clock)
        await gateway.register()
        await gateway.prove()
        yield gateway, clock


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("rule", "seconds"), NEVER, ids=[rule.h2 for rule, _ in NEVER])
async def test_a_push_never_answered_ends_in_time(
    still: tuple[Running, ManualClock], provider: str, rule: Rule, seconds: float, until: Callable[..., Any]
) -> None:
    gateway, clock = still
    gateway.simulator.set_rules([rule])
    sent = asyncio.create_task(push(gateway, provider))
    await until(lambda: gateway.simulator.received)
    await clock.advance(seconds - 0.1)
    assert not sent.done()
    await clock.advance(0.1)
    answer = await sent
    assert (answer.status, answer.code) == (503, f"{provider}_unanswered")
    assert (await push(gateway, provider)).status == 200
    assert len(gateway.simulator.received) == 2


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", ["goaway", "goaway_taken"])
async def test_a_few_connections_sent_away_in_a_row_cost_no_push(gateway: Running, provider: str, fault: Fault) -> None:
    await gateway.prove()
    gateway.simulator.set_rules([Rule(h2=fault, delay_ms=30, times=3)])
    async with asyncio.timeout(TIMEOUT / 2):
        answers = await asyncio.gather(*(push(gateway, provider, number) for number in range(20)))
    assert {answer.code for answer in answers} == {"delivered"}
    assert len({entry.token for entry in gateway.simulator.received}) == 20


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("rule", **named(EVERY_TIME))
async def test_a_push_sent_back_every_time_is_for_later(gateway: Running, provider: str, rule: Rule) -> None:
    await gateway.prove()
    gateway.simulator.set_rules([rule])
    async with asyncio.timeout(TIMEOUT / 2):
        answer = await push(gateway, provider)
    assert (answer.status, answer.code) == (503, f"{provider}_unreachable")
    assert gateway.simulator.received == []
