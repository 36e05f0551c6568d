"""What happens to a site while the load goes on."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import msgspec

from gateway.providers.simulator import Rule
from tests.crash.ledger import Findings, examine
from tests.crash.load import Load
from tests.crash.processes import Program
from tests.crash.pushes import Answer, Provider
from tests.crash.site import ProviderSite, Site

REFUSING_HALF = Rule(share=0.5, status=503)
LIFE, START = 1.5, 0.7
"""Seconds within which a process is killed that has begun to serve, or has only just been started."""
IN_ITS_START = 0.2
"""How many of the kills hit a process that does not serve yet."""
STORE_DOWN = 2.0
"""Seconds within which a killed store is started again."""
SETTLED = 120.0
"""Seconds in which the outbox must be empty once nothing goes wrong any more: the leases of the dead, then retries."""


async def gateways_killed(site: Site, rate: float, kills: int, chance: random.Random) -> Findings:
    """Kill gateways at random instants and start them again while the providers refuse half."""
    async with _half_refused(site, rate) as load:
        for _ in range(kills):
            await _kill(site, chance.choice(site.gateways), chance)
        await asyncio.gather(*(gateway.ready() for gateway in site.gateways))
    return await _settled(site, load)


async def _kill(site: Site, gateway: Program, chance: random.Random) -> None:
    if chance.random() < IN_ITS_START:
        await asyncio.sleep(chance.uniform(0, START))
    else:
        await gateway.ready()
        await asyncio.sleep(chance.uniform(0, LIFE))
    with site.incident("gateway killed"):
        await gateway.kill()
    await gateway.spawn()


async def store_killed(site: Site, rate: float, kills: int, chance: random.Random) -> Findings:
    """Kill the store's server at random instants and start it again on its data."""
    assert site.mongo
    async with _half_refused(site, rate) as load:
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0, LIFE))
            with site.incident("store killed"):
                await site.mongo.kill()
                await asyncio.sleep(chance.uniform(0, STORE_DOWN))
                await site.mongo.start()
        await asyncio.sleep(LIFE)
    return await _settled(site, load)


async def one_dies(site: Site, rate: float, chance: random.Random) -> Findings:
    """Kill one of several gateways for good; the others finish what it began."""
    async with _half_refused(site, rate) as load:
        await asyncio.sleep(LIFE + chance.uniform(0, LIFE))
        with site.incident("gateway killed"):
            await chance.choice(site.gateways).kill()
        await asyncio.sleep(LIFE)
    return await _settled(site, load)


@asynccontextmanager
async def _half_refused(site: Site, rate: float) -> AsyncIterator[Load]:
    for provider in site.providers.values():
        await provider.set_rules(REFUSING_HALF)
    async with site.load({"apns": rate / 2, "fcm": rate / 2}) as load:
        yield load


async def _settled(site: Site, load: Load) -> Findings:
    """Let nothing go wrong any more, wait for the outbox, and compare."""
    for provider in site.providers.values():
        await provider.set_rules()
    held = await site.drained(SETTLED)
    return examine(load.answers, await site.receptions(), held, site.incidents, load.skipped)


Down = Literal["refused", "silent", "503"]
"""How a provider is down: it refuses connections, accepts and never answers, or says so."""


class Phases(msgspec.Struct, frozen=True):
    """Seconds of load before, during and after an outage."""

    before: float
    during: float
    after: float


class Outage(msgspec.Struct, frozen=True):
    """What an outage of Apple came to: the findings, the answers of each phase, seconds until the outbox was empty."""

    findings: Findings
    answers: Mapping[str, list[Answer]]
    settled: float


async def outage(site: Site, rates: Mapping[Provider, float], down: Down, phases: Phases) -> Outage:
    """Let Apple be down for a while; Google stays well."""
    marks: list[tuple[str, float]] = []
    async with site.load(rates) as load:
        marks.append(("before", time.time()))
        await asyncio.sleep(phases.before)
        async with _DOWN[down](site.providers["apns"]):
            marks.append(("during", time.time()))
            await asyncio.sleep(phases.during)
        marks.append(("after", time.time()))
        await asyncio.sleep(phases.after)
    findings = await _settled(site, load)
    return Outage(findings, _by_phase(load.answers, marks), time.time() - marks[-1][1])


@asynccontextmanager
async def _refusing_connections(provider: ProviderSite) -> AsyncIterator[None]:
    await provider.program.stop()
    yield
    await provider.program.start()


@asynccontextmanager
async def _ruled(provider: ProviderSite, rule: Rule) -> AsyncIterator[None]:
    await provider.set_rules(rule)
    yield
    await provider.set_rules()


_DOWN = {
    "refused": _refusing_connections,
    "silent": lambda provider: _ruled(provider, Rule(h2="dead")),
    "503": lambda provider: _ruled(provider, Rule(status=503, retry_after=1)),
}


def _by_phase(answers: list[Answer], marks: list[tuple[str, float]]) -> dict[str, list[Answer]]:
    """Sort answers by the phase in which their pushes were sent."""
    phases: dict[str, list[Answer]] = {name: [] for name, _ in marks}
    for answer in answers:
        name = next((name for name, begin in reversed(marks) if answer.at >= begin), marks[0][0])
        phases[name].append(answer)
    return phases
