"""The composition root: the only place where adapters meet their ports."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any, TypeVar

import msgspec

from gateway import __version__
from gateway.config import DeliverySettings, ProvidersSettings, Settings
from gateway.delivery.admission import Admission
from gateway.delivery.bookkeeping import Bookkeeping
from gateway.delivery.breaker import Breakers
from gateway.delivery.desk import Desk
from gateway.delivery.devices import Devices
from gateway.delivery.dispatcher import Dispatcher
from gateway.delivery.duplicates import Duplicates
from gateway.delivery.follower import Follower
from gateway.delivery.gone import Gone
from gateway.delivery.guard import Proofs
from gateway.delivery.handover import Handover
from gateway.delivery.late_verdicts import LateVerdicts
from gateway.delivery.outbox import Outbox, OutboxLimits
from gateway.delivery.records import DeliveryLog
from gateway.delivery.redelivery import Redelivery
from gateway.delivery.settlement import Settlement
from gateway.http2 import Proxy
from gateway.model.clock import Clock
from gateway.model.errors import SettingsError
from gateway.model.outbox import OutboxStatistics
from gateway.observability.metrics import Metrics
from gateway.providers.apns import ApnsHosts, ApnsProvider
from gateway.providers.egress import Egress
from gateway.providers.fcm import FcmHosts, FcmProvider
from gateway.providers.providers import Providers
from gateway.store import opening
from gateway.store.crypto import Vault
from gateway.store.opening import GivenKeys, OpenStore
from gateway.store.port import Store
from gateway.web.doors import operator_door, public_door
from gateway.web.health import Readiness
from gateway.web.listening import Listener, bind
from gateway.web.pages import OperatorPage, load_templates
from gateway.web.push import PushDoor

DAY = 86_400.0
RecordsT = TypeVar("RecordsT", DeliveryLog, Devices)


class Gateway(msgspec.Struct, frozen=True):
    """Everything a push needs, put together; no door yet."""

    store: Store
    vault: Vault
    follower: Follower
    providers: Providers
    admission: Admission
    desk: Desk
    owed: "Owed"
    deliveries: DeliveryLog
    books: Bookkeeping
    devices: Devices
    metrics: Metrics
    clock: Clock


class Owed(msgspec.Struct, frozen=True):
    """All that takes care of stored pushes."""

    outbox: Outbox
    late_verdicts: LateVerdicts
    handover: Handover
    redelivery: Redelivery


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
        _open_providers(settings.providers, clock) as providers,
        _writing(DeliveryLog(opened.store, clock, settings.store.delivery_retention * DAY)) as deliveries,
        _writing(Devices(opened.store, clock, settings.store.device_retention * DAY)) as devices,
    ):
        metrics, proofs = Metrics(clock, __version__), Proofs(opened.store, clock)
        follower, breakers = Follower(opened.store, providers, proofs, clock), Breakers(clock)
        dispatcher = Dispatcher(
            follower,
            providers,
            proofs,
            breakers,
            Gone(devices, clock),
            metrics,
            clock,
            settings.providers.timeout,
            settings.delivery.fcm_repeat_unanswered,
        )
        books = Bookkeeping(deliveries, devices, metrics, clock)
        owed = _owe(opened.store, dispatcher, breakers, follower, books, settings.delivery, clock)
        metrics.watch(
            providers.statistics,
            lambda: _expiries(follower),
            deliveries.statistics,
            devices.statistics,
            lambda: _outbox_statistics(owed.outbox, breakers, follower),
        )
        gateway = Gateway(
            store=opened.store,
            vault=opened.vault,
            follower=follower,
            providers=providers,
            admission=Admission(follower, opened.vault, clock),
            desk=Desk(Duplicates(opened.store, clock), owed.handover, dispatcher, opened.vault, clock),
            owed=owed,
            deliveries=deliveries,
            books=books,
            devices=devices,
            metrics=metrics,
            clock=clock,
        )
        try:
            yield gateway
        finally:
            await proofs.flush()


def _owe(
    store: Store,
    dispatcher: Dispatcher,
    breakers: Breakers,
    follower: Follower,
    books: Bookkeeping,
    settings: DeliverySettings,
    clock: Clock,
) -> Owed:
    outbox = Outbox(store, clock, OutboxLimits(settings.outbox_max, settings.outbox_max_per_workspace))
    settlement, late_verdicts = Settlement(outbox, books, clock), LateVerdicts(store, clock)
    return Owed(
        outbox=outbox,
        late_verdicts=late_verdicts,
        handover=Handover(dispatcher, breakers, late_verdicts, outbox, settlement, clock, settings.answer_within),
        redelivery=Redelivery(outbox, dispatcher, settlement, breakers, follower, clock),
    )


@asynccontextmanager
async def _writing(records: RecordsT) -> AsyncIterator[RecordsT]:
    """Write records while the block runs, and what is left at its end."""
    try:
        async with _in_background(records.run()):
            yield records
    finally:
        await records.flush()


@asynccontextmanager
async def _open_providers(settings: ProvidersSettings, clock: Clock) -> AsyncIterator[Providers]:
    egress = await asyncio.to_thread(_egress, settings)
    apns_hosts = ApnsHosts(settings.apns_production_url, settings.apns_sandbox_url)
    fcm_hosts = FcmHosts(settings.fcm_url, settings.fcm_token_url)
    providers = Providers(
        ApnsProvider(apns_hosts, egress, clock, settings.timeout),
        FcmProvider(fcm_hosts, egress, clock, settings.timeout),
    )
    try:
        yield providers
    finally:
        await providers.aclose()


def _egress(settings: ProvidersSettings) -> Egress:
    try:
        proxy = Proxy.parse(settings.proxy.reveal()) if settings.proxy else None
    except ValueError as error:
        raise SettingsError(f"providers.proxy (else HTTPS_PROXY): {error}") from None
    egress = Egress(settings.ca_file, proxy, settings.no_proxy)
    try:
        egress.tls()
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"providers.ca_file: cannot use {settings.ca_file}: {error.strerror or error}") from None
    return egress


def _outbox_statistics(outbox: Outbox, breakers: Breakers, follower: Follower) -> OutboxStatistics:
    count = outbox.count
    return OutboxStatistics(
        items=count.total,
        oldest=count.oldest or 0.0,
        in_flight=outbox.in_flight,
        resting=breakers.open(),
        store_answers=follower.store_answers,
    )


def _expiries(follower: Follower) -> Iterator[tuple[str, str, float]]:
    for app in follower.snapshot.apps.values() if follower.snapshot else ():
        if app.apns is not None and app.apns.expires_at is not None:
            yield app.name, "apns_certificate", app.apns.expires_at


class Doors(msgspec.Struct, frozen=True):
    """Both doors, open."""

    public: Listener
    operator: Listener
    readiness: Readiness


@asynccontextmanager
async def following(gateway: Gateway) -> AsyncIterator[None]:
    """Keep the gateway's snapshot up to date while the block runs."""
    async with _in_background(gateway.follower.run()):
        yield


@asynccontextmanager
async def working_off(gateway: Gateway, grace: float) -> AsyncIterator[None]:
    """Take care of stored pushes while the block runs; what is under way at its end gets `grace` seconds to finish."""
    owed = gateway.owed
    async with _in_background(owed.outbox.run(), owed.late_verdicts.run()):
        try:
            async with _in_background(owed.redelivery.run()):
                yield
        finally:
            await asyncio.gather(owed.handover.aclose(grace), owed.redelivery.aclose(grace))
    await owed.outbox.give_back()


@asynccontextmanager
async def _in_background(*runs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(run) for run in runs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def open_doors(gateway: Gateway, settings: Settings) -> AsyncIterator[Doors]:
    """Serve the gateway until the block ends; then let everything inside finish.

    Raises:
        SettingsError: an address cannot be listened on.
    """
    server, readiness = settings.server, Readiness(gateway.follower)
    templates = await asyncio.to_thread(load_templates)
    push = PushDoor(
        gateway.admission,
        gateway.desk,
        gateway.books,
        gateway.metrics,
        gateway.clock,
        server.trusted_proxies,
    )
    page = OperatorPage(gateway.follower, readiness)
    apps = (
        (public_door(push, readiness, templates), server.listen),
        (operator_door(page, gateway.metrics, readiness, templates), server.operator_listen),
    )
    with ExitStack() as unopened:
        bound = [(app, unopened.enter_context(await asyncio.to_thread(bind, address))) for app, address in apps]
        public, operator = (Listener(app, sock, gateway.clock, server.drain_timeout) for app, sock in bound)
        await asyncio.gather(public.open(), operator.open())
        unopened.pop_all()
    try:
        yield Doors(public, operator, readiness)
    finally:
        readiness.draining = True
        await asyncio.gather(public.close(), operator.close())
