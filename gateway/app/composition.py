"""The composition root: the only place where adapters meet their ports."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec

from gateway import __version__
from gateway.app.background import in_background
from gateway.app.forwarding import forwarding_to
from gateway.app.limiting import Limiting, limiting
from gateway.app.owing import Owed, owe, renew
from gateway.app.reach import open_providers, open_upstream, open_webhook
from gateway.app.watches import Watches, watches_over
from gateway.config import Settings
from gateway.delivery.admission import Admission
from gateway.delivery.bookkeeping import Bookkeeping
from gateway.delivery.breaker import Breakers
from gateway.delivery.desk import Desk
from gateway.delivery.devices import Devices
from gateway.delivery.dispatcher import Dispatcher
from gateway.delivery.duplicates import Duplicates
from gateway.delivery.follower import Follower
from gateway.delivery.gone import Gone
from gateway.delivery.guard import Guard
from gateway.delivery.heartbeat import Pulse
from gateway.delivery.learned_ways import LearnedWays
from gateway.delivery.notices import Notices
from gateway.delivery.proofs import Proofs
from gateway.delivery.records import DeliveryLog
from gateway.model.clock import Clock
from gateway.model.outbox import OutboxStatistics
from gateway.observability.metrics import Metrics
from gateway.providers.providers import Providers
from gateway.store import opening
from gateway.store.crypto import Vault
from gateway.store.local_keys import KeyFiles
from gateway.store.opening import GivenKeys, OpenStore
from gateway.store.port import Store

DAY = 86_400.0
RecordsT = TypeVar("RecordsT", DeliveryLog, Devices)


class Gateway(msgspec.Struct, frozen=True):
    """Everything a push needs, put together; no door yet."""

    store: Store
    vault: Vault
    key_files: KeyFiles | None
    follower: Follower
    pulse: Pulse
    providers: Providers
    admission: Admission
    desk: Desk
    owed: Owed
    deliveries: DeliveryLog
    books: Bookkeeping
    devices: Devices
    watches: Watches
    limits: Limiting
    guard: Guard
    metrics: Metrics
    clock: Clock

    @property
    def notices(self) -> Notices:
        """What stands."""
        return self.watches.notices


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[OpenStore]:
    """Open the store that the settings name.

    Raises:
        StoreError: it cannot be opened.
        StoreKeyError: it was written under other keys.
    """
    opened = await opening.open_store(settings.store.url, given_keys(settings))
    try:
        yield opened
    finally:
        await opened.store.close()


def given_keys(settings: Settings) -> GivenKeys:
    """Return the keys of the settings, if they hold any."""
    return GivenKeys(settings.encryption.keys, settings.encryption.lookup_key)


@asynccontextmanager
async def open_gateway(settings: Settings, clock: Clock) -> AsyncIterator[Gateway]:
    """Put the gateway together on its store; pushes can be sent once the follower has a snapshot."""
    async with (
        open_store(settings) as opened,
        open_providers(settings.providers, clock) as providers,
        open_upstream(settings.forwarding, settings.providers, clock) as upstream,
        open_webhook(settings.alarms, settings.providers, clock) as webhook,
        _writing(DeliveryLog(opened.store, clock, settings.store.delivery_retention * DAY)) as deliveries,
        _writing(Devices(opened.store, clock, settings.store.device_retention * DAY)) as devices,
    ):
        metrics, proofs = Metrics(clock, __version__), Proofs(opened.store, clock)
        follower = Follower(opened.store, providers, proofs, clock)
        watches = watches_over(follower, providers, opened.store.notices, webhook, settings.providers, clock)
        breakers = Breakers(clock, watches.lanes)
        guard = Guard(follower, watches.notices, settings.guard, metrics, clock)
        pulse = Pulse(opened.store.heartbeats, opened.vault, follower, clock, __version__)
        limits = limiting(opened.store.usage, follower, watches.notices, settings.limits, lambda: pulse.live, clock)
        gone, learned = Gone(devices, clock), LearnedWays(devices, clock)
        dispatcher = Dispatcher(
            follower, providers, proofs, guard, breakers, gone, learned, metrics, clock, *_attempts_of(settings)
        )
        books = Bookkeeping(deliveries, devices, watches.dead_letters, metrics, clock)
        owed = owe(opened.store, dispatcher, breakers, guard, limits.allowance, follower, books, settings, clock)
        forwarding = forwarding_to(
            upstream, owed.handover, devices, watches.notices, breakers, metrics, settings.forwarding, clock
        )
        gateway = Gateway(
            store=opened.store,
            vault=opened.vault,
            key_files=opened.key_files,
            follower=follower,
            pulse=pulse,
            providers=providers,
            admission=Admission(follower, opened.vault, limits.strangers, clock),
            desk=Desk(limits.allowance, Duplicates(opened.store, clock), forwarding, dispatcher, opened.vault, clock),
            owed=owed,
            deliveries=deliveries,
            books=books,
            devices=devices,
            watches=watches,
            limits=limits,
            guard=guard,
            metrics=metrics,
            clock=clock,
        )
        _connect(gateway)
        try:
            yield gateway
        finally:
            await limits.usage.flush()
            await proofs.flush()


def _attempts_of(settings: Settings) -> tuple[float, bool]:
    """Say how many seconds an attempt may take, and whether Google gets a push again whose answer never came."""
    return settings.providers.timeout, settings.delivery.fcm_repeat_unanswered


@asynccontextmanager
async def _writing(records: RecordsT) -> AsyncIterator[RecordsT]:
    """Write records while the block runs, and what is left at its end."""
    try:
        async with in_background(records.run()):
            yield records
    finally:
        await records.flush()


def _connect(gateway: Gateway) -> None:
    """Let parts hear of each other that do not know each other."""
    gateway.follower.tell(gateway.guard.renewed)
    gateway.follower.tell(lambda lanes: renew(gateway.owed, lanes))
    gateway.guard.tell(gateway.owed.redelivery.renewed)
    _watch(gateway)


def _watch(gateway: Gateway) -> None:
    """Let the metrics tell at every scrape what is known elsewhere."""
    gateway.metrics.watch(
        gateway.providers.statistics,
        lambda: _expiries(gateway.follower),
        gateway.deliveries.statistics,
        gateway.devices.statistics,
        lambda: _outbox_statistics(gateway.owed, gateway.follower),
    )
    gateway.metrics.watch_workspaces(lambda: gateway.follower.snapshot.size if gateway.follower.snapshot else 0)
    gateway.metrics.watch_gateways(lambda: gateway.pulse.live)
    gateway.metrics.watch_canary(gateway.watches.canary.results)
    gateway.metrics.watch_guard(lambda: ((trip.app, trip.reason.value) for trip in gateway.guard.trips()))


def _outbox_statistics(owed: Owed, follower: Follower) -> OutboxStatistics:
    count = owed.outbox.count
    return OutboxStatistics(
        items=count.total,
        oldest=count.oldest or 0.0,
        in_flight=owed.outbox.in_flight,
        resting=owed.breakers.open(),
        store_answers=follower.store_answers,
    )


def _expiries(follower: Follower) -> Iterator[tuple[str, str, float]]:
    for app in follower.snapshot.apps.values() if follower.snapshot else ():
        if app.apns is not None and app.apns.expires_at is not None:
            yield app.name, "apns_certificate", app.apns.expires_at
