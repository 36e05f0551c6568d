"""The way to Apple and Google, as the settings say."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.config import AlarmsSettings, ForwardingSettings, ProvidersSettings
from gateway.http2 import Proxy
from gateway.model.clock import Clock
from gateway.model.errors import SettingsError
from gateway.providers.apns import ApnsHosts, ApnsProvider
from gateway.providers.egress import Egress
from gateway.providers.fcm import FcmHosts, FcmProvider
from gateway.providers.providers import Providers
from gateway.providers.upstream import Upstream
from gateway.providers.webhook import HttpWebhook


@asynccontextmanager
async def open_providers(settings: ProvidersSettings, clock: Clock) -> AsyncIterator[Providers]:
    """Open both providers; their connections are closed with the block.

    Raises:
        SettingsError: the proxy or the authorities to trust cannot be used.
    """
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


@asynccontextmanager
async def open_upstream(
    forwarding: ForwardingSettings, settings: ProvidersSettings, clock: Clock
) -> AsyncIterator[Upstream]:
    """Open the way to the official gateway; its connections are closed with the block.

    Raises:
        SettingsError: the proxy or the authorities to trust cannot be used.
    """
    egress = await asyncio.to_thread(_egress, settings)
    upstream = Upstream(forwarding.url, egress.tls(), egress, clock)
    try:
        yield upstream
    finally:
        await upstream.aclose()


@asynccontextmanager
async def open_webhook(
    alarms: AlarmsSettings, settings: ProvidersSettings, clock: Clock
) -> AsyncIterator[HttpWebhook | None]:
    """Open the way for alarms, if one is set; its connection is closed with the block.

    Raises:
        SettingsError: the URL, the proxy or the authorities to trust cannot be used.
    """
    if not alarms.webhook_url:
        yield None
        return
    url = alarms.webhook_url.reveal()
    if not re.match("https?://[^/]+", url):
        raise SettingsError("alarms.webhook_url: expected a URL such as https://alarms.example.com/hook")
    egress = await asyncio.to_thread(_egress, settings)
    webhook = HttpWebhook(url, alarms.webhook_secret, egress.tls(), egress, clock)
    try:
        yield webhook
    finally:
        await webhook.aclose()


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
