"""A worker, run in the test's own event loop."""

import asyncio
import socket
import time

import aiohttp

from gateway.app import open_store
from gateway.config import DeliverySettings, Settings, settings_to_json
from gateway.delivery.registry import Registry
from gateway.model.address import HostPort
from gateway.providers.simulator import Rule, Simulator
from gateway.supervisor.control import Begin, Channel, Status, Stop
from gateway.supervisor.worker import work
from gateway.web.listening import BACKLOG, bind
from gateway.web.pages import NoticeRow
from tests.clock import ManualClock
from tests.end_to_end.running import ANDROID, credentials, message, settings_of
from tests.notices import notice

ANY_PORT = HostPort("127.0.0.1", 0)


async def registered(settings: Settings, simulator: Simulator, clock: ManualClock) -> str:
    """Add an app and a workspace; return its secret."""
    _, fcm = credentials(simulator)
    async with open_store(settings) as opened:
        registry = Registry(opened.store, opened.vault, clock)
        await registry.add_app("app", None, fcm)
        return (await registry.add_workspace("workspace", ("app",))).secret.reveal()


async def test_a_worker_whose_supervisor_is_gone_already_ends(clock: ManualClock) -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    listener = bind(ANY_PORT)
    await work(theirs, listener, clock)
    assert (theirs.fileno(), listener.fileno()) == (-1, -1)


async def test_a_worker_that_still_works_off_what_was_stored_says_that_it_lives(simulator: Simulator) -> None:
    clock = ManualClock(time.time())
    settings = settings_of(simulator, DeliverySettings(), drain_timeout=60.0)
    secret = await registered(settings, simulator, clock)
    simulator.set_rules([Rule(delay_ms=1500)])
    ours, theirs = socket.socketpair()
    listener = bind(ANY_PORT)
    listener.listen(BACKLOG)
    door = f"http://{HostPort(*listener.getsockname())}/w/{secret}/push/gcm/send"
    channel = await Channel.over(ours)
    working = asyncio.create_task(work(theirs, listener, clock))
    await channel.send(Begin(1, settings_to_json(settings)))
    assert isinstance(await channel.receive(), Status)
    async with aiohttp.ClientSession() as session:
        pushing = asyncio.create_task(session.post(door, json=message(ANDROID)))
        await simulator.next_received()
        await clock.advance(settings.delivery.answer_within)
        assert (await pushing).headers["Gateway-Outcome"].startswith("stored_")
    await channel.send(Stop())
    for _ in range(3):
        await clock.advance(1.0)
        assert isinstance(await channel.receive(), Status)
    while await channel.receive() is not None:
        pass
    await working
    await channel.close()


async def test_a_worker_tells_the_supervisor_what_stands(simulator: Simulator) -> None:
    clock = ManualClock(time.time())
    settings = settings_of(simulator)
    async with open_store(settings) as opened:
        await opened.store.notices.post(notice("Chat", about="fcm", words="503 UNAVAILABLE"))
    ours, theirs = socket.socketpair()
    listener = bind(ANY_PORT)
    listener.listen(BACKLOG)
    channel = await Channel.over(ours)
    working = asyncio.create_task(work(theirs, listener, clock))
    await channel.send(Begin(1, settings_to_json(settings)))
    standing: list[NoticeRow] = []
    while not standing:
        told = await channel.receive()
        assert isinstance(told, Status)
        standing = told.overview.notices if told.overview else []
        await clock.advance(1.0)
    assert [(one.what.split()[0], one.words) for one in standing] == [("Google", "503 UNAVAILABLE")]
    await channel.send(Stop())
    while await channel.receive() is not None:
        await clock.advance(1.0)
    await working
    await channel.close()
