"""The composition root: the only place where adapters meet their ports."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial

import msgspec
from aiohttp import web

from gateway import __version__
from gateway.config import ProvidersSettings, ServerSettings, Settings, StoreSettings
from gateway.delivery.admission import Admission
from gateway.delivery.desk import Desk
from gateway.delivery.dispatcher import Dispatcher
from gateway.delivery.follower import Follower
from gateway.delivery.guard import Proofs
from gateway.delivery.records import DeliveryLog
from gateway.http2 import Proxy
from gateway.model.clock import Clock
from gateway.model.errors import SettingsError
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
from gateway.web.health import Readiness, needs_of
from gateway.web.listening import Listener, bind
from gateway.web.pages import OperatorPage, load_templates, overview_of
from gateway.web.push import PushDoor

DAY = 86_400.0


class Gateway(msgspec.Struct, frozen=True):
    """Everything a push needs, put together; no door yet."""

    store: Store
    vault: Vault
    follower: Follower
    providers: Providers
    admission: Admission
    desk: Desk
    deliveries: DeliveryLog
    metrics: Metrics
    clock: Clock


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
        _recording(opened.store, settings.store, clock) as deliveries,
    ):
        metrics, proofs = Metrics(clock, __version__), Proofs(opened.store, clock)
        follower = Follower(opened.store, providers, proofs, clock)
        metrics.watch(providers.statistics, lambda: _expiries(follower), deliveries.statistics)
        dispatcher = Dispatcher(follower, providers, proofs, metrics, clock, settings.providers.timeout)
        gateway = Gateway(
            store=opened.store,
            vault=opened.vault,
            follower=follower,
            providers=providers,
            admission=Admission(follower, opened.vault, clock),
            desk=Desk(dispatcher, clock),
            deliveries=deliveries,
            metrics=metrics,
            clock=clock,
        )
        try:
            yield gateway
        finally:
            await proofs.flush()


@asynccontextmanager
async def _recording(store: Store, settings: StoreSettings, clock: Clock) -> AsyncIterator[DeliveryLog]:
    """Write the delivery log while the block runs, and what is left at its end."""
    deliveries = DeliveryLog(store, clock, settings.delivery_retention * DAY)
    task = asyncio.create_task(deliveries.run(), name="delivery log")
    try:
        yield deliveries
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await deliveries.flush()


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


def _expiries(follower: Follower) -> Iterator[tuple[str, str, float]]:
    for app in follower.snapshot.apps.values() if follower.snapshot else ():
        if app.apns is not None and app.apns.expires_at is not None:
            yield app.name, "apns_certificate", app.apns.expires_at


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
    """Keep the gateway's snapshot up to date while the block runs."""
    task = asyncio.create_task(gateway.follower.run(), name="follower")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def public_app(
    gateway: Gateway, server: ServerSettings, readiness: Readiness, templates: dict[str, str]
) -> web.Application:
    """Build what is served at the public door."""
    push = PushDoor(
        gateway.admission,
        gateway.desk,
        gateway.deliveries,
        gateway.vault,
        gateway.metrics,
        gateway.clock,
        server.trusted_proxies,
    )
    return public_door(push, readiness, templates)


@asynccontextmanager
async def open_doors(gateway: Gateway, settings: Settings) -> AsyncIterator[Doors]:
    """Serve the gateway until the block ends; then let everything inside finish.

    Raises:
        SettingsError: an address cannot be listened on.
    """
    server, readiness = settings.server, Readiness(partial(needs_of, gateway.follower))
    templates = await asyncio.to_thread(load_templates)
    page = OperatorPage(partial(overview_of, gateway.follower), readiness)
    apps = (
        (public_app(gateway, server, readiness, templates), server.listen),
        (operator_door(page, gateway.metrics.render, readiness, templates), server.operator_listen),
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
