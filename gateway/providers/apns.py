"""Apple Push Notification service."""

import asyncio
import ssl
from collections.abc import Coroutine, Iterable
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.http2 import NotSent, Origin, Pool, Unanswered
from gateway.model.app import ApnsCredentials, ApnsEnvironment
from gateway.model.clock import Clock
from gateway.model.errors import CredentialsError
from gateway.model.notification import Notification
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.providers.apns_client import ApnsClient, ApnsResult
from gateway.providers.apns_payload import apns_body, apns_check, apns_request, fits_apns
from gateway.providers.apns_verdict import apns_verdict
from gateway.providers.channels import OverChannels
from gateway.providers.egress import Egress
from gateway.providers.forms import forms
from gateway.providers.provider_token import ProviderToken
from gateway.providers.tls import with_certificate


class ApnsHosts(msgspec.Struct, frozen=True):
    """Apple's two hosts as URLs."""

    production: str
    sandbox: str

    def origin(self, environment: ApnsEnvironment) -> Origin:
        """Return the host of an environment."""
        return Origin.parse(self.sandbox if environment is ApnsEnvironment.SANDBOX else self.production)


class _ApnsChannel(msgspec.Struct):
    client: ApnsClient

    def pools(self) -> Iterable[Pool]:
        return (self.client.pool,)

    async def aclose(self, grace: float) -> None:
        await self.client.pool.aclose(grace)


class ApnsProvider(OverChannels[ApnsCredentials, _ApnsChannel]):
    """Sends to Apple with any number of apps' credentials, each over connections of its own."""

    def __init__(self, hosts: ApnsHosts, egress: Egress, clock: Clock, grace: float) -> None:
        super().__init__(clock, grace)
        self._hosts = hosts
        self._egress = egress
        self._tokens: WeakValueDictionary[tuple[str, str, str], ProviderToken] = WeakValueDictionary()

    async def send(self, notification: Notification, credentials: ApnsCredentials, timeout: float) -> Verdict:
        """Send one push; one too large goes as message-id-only where the app can fetch the rest."""
        return await _verdict_of(self._send_forms(notification, credentials, timeout))

    async def check(self, credentials: ApnsCredentials, timeout: float) -> Verdict:
        """Push nothing to nobody: BadDeviceToken says that the credentials were taken."""
        return await _verdict_of(self._send_to_nobody(credentials, timeout))

    async def _send_forms(self, notification: Notification, credentials: ApnsCredentials, timeout: float) -> Verdict:
        verdict, deadline = Verdict(VerdictKind.REFUSED, Reason.PAYLOAD_TOO_LARGE), self._clock.monotonic() + timeout
        channel = await self._channels.get(credentials)
        for form in forms(notification):
            verdict = await self._send_form(form, channel.client, deadline) or verdict
            if verdict.reason not in (Reason.PAYLOAD_TOO_LARGE, Reason.APNS_PAYLOAD_TOO_LARGE):
                break
        return verdict

    async def _send_to_nobody(self, credentials: ApnsCredentials, timeout: float) -> Verdict:
        channel = await self._channels.get(credentials)
        request = apns_check(next(iter(credentials.topics), None))
        return _read(await channel.client.send_notification(request, timeout))

    async def _send_form(self, form: Notification, client: ApnsClient, deadline: float) -> Verdict | None:
        """Send one form of a push; None when Apple would not take its size."""
        request = apns_request(form, self._clock.now())
        body = apns_body(request)
        if not fits_apns(request, body):
            return None
        return _read(await client.send(request, body, deadline - self._clock.monotonic()))

    async def _open(self, credentials: ApnsCredentials) -> _ApnsChannel:
        tls, key = await asyncio.to_thread(_load, credentials, self._egress)
        token = self._token(credentials, key) if key is not None else None
        pool = self._egress.pool(self._hosts.origin(credentials.environment), tls, self._clock)
        return _ApnsChannel(ApnsClient(pool, token, self._clock))

    def _token(self, credentials: ApnsCredentials, key: EllipticCurvePrivateKey) -> ProviderToken:
        """Share one token per (team, key): Apple counts how often it changes, over all connections."""
        name = (credentials.team_id, credentials.key_id, credentials.key)
        token = self._tokens.get(name)
        if token is None:
            token = self._tokens[name] = ProviderToken(key, credentials.key_id, credentials.team_id, self._clock)
        return token


async def _verdict_of(attempt: Coroutine[Any, Any, Verdict]) -> Verdict:
    """Return what an attempt says, also where it got no answer."""
    try:
        return await attempt
    except CredentialsError:
        return Verdict(VerdictKind.CREDENTIALS_REFUSED, Reason.CREDENTIALS_UNUSABLE)
    except NotSent as error:
        return Verdict(VerdictKind.LATER, Reason.APNS_UNREACHABLE, words=error.reason)
    except Unanswered as error:
        return Verdict(VerdictKind.LATER, Reason.APNS_UNANSWERED, words=error.reason)


def _read(result: ApnsResult) -> Verdict:
    return apns_verdict(
        int(result.status), result.description or "", result.notification_id, result.timestamp, result.retry_after
    )


def _load(credentials: ApnsCredentials, egress: Egress) -> tuple[ssl.SSLContext, EllipticCurvePrivateKey | None]:
    try:
        if credentials.certificate:
            return with_certificate(egress.own_tls(), credentials.certificate, credentials.certificate_key), None
        key = load_pem_private_key(credentials.key.encode(), None)
    except (ValueError, TypeError, ssl.SSLError):
        raise CredentialsError("the stored APNs key or certificate is damaged; give it again") from None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise CredentialsError("the stored APNs key is not an EC key; give Apple's .p8 again")
    return egress.tls(), key
