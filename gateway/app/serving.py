"""A gateway at work: it follows the store, works the outbox off, and keeps its doors open."""

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import Any

import msgspec

from gateway.app.background import in_background
from gateway.app.composition import Gateway
from gateway.config import ServerSettings, Settings
from gateway.delivery import guard
from gateway.delivery.key_watch import KeyWatch
from gateway.delivery.looks import repeatedly
from gateway.web.doors import operator_door, public_door
from gateway.web.express import ExpressLane
from gateway.web.health import Readiness, needs_of, troubles_of
from gateway.web.listening import Listener, bind
from gateway.web.notification_door import NotificationDoor
from gateway.web.pages import OperatorPage, load_templates, overview_of
from gateway.web.push import PushDoor


class Doors(msgspec.Struct, frozen=True):
    """Both doors, open."""

    public: Listener
    operator: Listener
    readiness: Readiness

    async def drain(self) -> None:
        """Say that the gateway shuts down, and go on."""
        self.readiness.draining = True


@asynccontextmanager
async def following(gateway: Gateway) -> AsyncIterator[None]:
    """Keep the gateway's snapshot and its keys up to date while the block runs, and let others know that it lives."""
    try:
        async with in_background(*_followings(gateway)):
            await gateway.notices.has_looked.wait()  # what stands must be known before the first push
            await gateway.limits.usage.look()  # and what is left of the month
            yield
    finally:
        await gateway.watches.flush()
        await gateway.pulse.leave()


def _followings(gateway: Gateway) -> Iterator[Coroutine[Any, Any, None]]:
    yield gateway.follower.run()
    yield gateway.pulse.run()
    yield from gateway.watches.runs()
    yield from gateway.limits.runs()
    yield repeatedly(gateway.guard.look, guard.LOOK_SECONDS, gateway.clock, "guard")
    if gateway.key_files is not None:
        yield KeyWatch(gateway.key_files, gateway.clock).run()


@asynccontextmanager
async def working_off(gateway: Gateway, grace: float) -> AsyncIterator[None]:
    """Take care of stored pushes while the block runs; what is under way at its end gets `grace` seconds to finish."""
    owed = gateway.owed
    await owed.outbox.watch()
    try:
        async with in_background(owed.outbox.run(), owed.late_verdicts.run()):
            try:
                async with in_background(owed.redelivery.run()):
                    yield
            finally:
                await asyncio.gather(owed.handover.aclose(grace), owed.redelivery.aclose(grace))
    finally:
        await owed.outbox.give_back()


def public_listener(
    gateway: Gateway,
    server: ServerSettings,
    bound: socket.socket,
    readiness: Readiness,
    templates: dict[str, str],
    is_shared: bool = False,
) -> Listener:
    """Prepare the public door on a bound socket; `is_shared` says whether other processes accept from it too."""
    push = PushDoor(
        gateway.admission,
        gateway.limits.allowance,
        gateway.desk,
        gateway.books,
        gateway.limits.usage,
        gateway.metrics,
        gateway.clock,
        server.trusted_proxies,
    )
    notifications = NotificationDoor(gateway.admission, gateway.limits.allowance, gateway.clock, server.trusted_proxies)
    app = public_door(push, notifications, readiness, templates, gateway.clock)
    express = ExpressLane(push, readiness, gateway.clock)
    return Listener(app, bound, gateway.clock, server.drain_timeout, express=express, is_shared=is_shared)


@asynccontextmanager
async def open_doors(gateway: Gateway, settings: Settings) -> AsyncIterator[Doors]:
    """Serve the gateway until the block ends; then let everything inside finish.

    Raises:
        SettingsError: an address cannot be listened on.
    """
    server = settings.server
    readiness = Readiness(partial(needs_of, gateway.follower), partial(troubles_of, gateway.follower))
    templates = await asyncio.to_thread(load_templates)
    page = OperatorPage(
        partial(overview_of, gateway.follower, gateway.pulse, gateway.notices), readiness, gateway.clock
    )
    operator_app = operator_door(page, gateway.metrics.render, readiness, templates)
    with ExitStack() as unopened:
        public_socket, operator_socket = [
            unopened.enter_context(await asyncio.to_thread(bind, address))
            for address in (server.listen, server.operator_listen)
        ]
        public = public_listener(gateway, server, public_socket, readiness, templates)
        operator = Listener(operator_app, operator_socket, gateway.clock, server.drain_timeout)
        await asyncio.gather(public.open(), operator.open())
        unopened.pop_all()
    try:
        yield Doors(public, operator, readiness)
    finally:
        readiness.draining = True
        await asyncio.gather(public.close(), operator.close())
