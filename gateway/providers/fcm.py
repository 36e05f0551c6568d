"""Firebase Cloud Messaging, HTTP v1."""

import asyncio
from collections.abc import Iterable

import msgspec
from google.auth.exceptions import GoogleAuthError
from google.oauth2.service_account import Credentials as ServiceAccount

from gateway.http2 import NotSent, Origin, Pool, Request, Unanswered
from gateway.model.app import FcmCredentials
from gateway.model.clock import Clock
from gateway.model.errors import CredentialsError
from gateway.model.notification import Notification
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.providers.channels import OverChannels
from gateway.providers.egress import Egress
from gateway.providers.fcm_payload import FCM_CHECK, fcm_message
from gateway.providers.fcm_verdict import fcm_verdict
from gateway.providers.forms import forms
from gateway.providers.oauth import SCOPE, AccessToken, endpoint_path
from gateway.providers.retry_after import parse_retry_after

_NEW_BEARER_MAY_HELP = (Reason.FCM_UNAUTHENTICATED, Reason.FCM_PERMISSION_DENIED)


class FcmHosts(msgspec.Struct, frozen=True):
    """Google's endpoint as a URL, and the token endpoint if not the service account's own."""

    fcm: str
    token_endpoint: str = ""


class _FcmChannel:
    """One service account's way to Google."""

    def __init__(self, project_id: str, pool: Pool, token: AccessToken, clock: Clock) -> None:
        self._path = f"/v1/projects/{project_id}/messages:send"
        self._pool = pool
        self._token = token
        self._clock = clock

    def pools(self) -> Iterable[Pool]:
        return (self._pool, self._token.pool)

    async def aclose(self, grace: float) -> None:
        await asyncio.gather(self._token.aclose(grace), self._pool.aclose(grace))

    async def send(self, body: bytes, timeout: float) -> Verdict:
        """Send one message within `timeout` seconds; a refused bearer is replaced, once."""
        deadline = self._clock.monotonic() + timeout
        verdict = await self._attempt(body, deadline)
        if verdict.reason in _NEW_BEARER_MAY_HELP:
            verdict = await self._attempt(body, deadline)
        return verdict

    async def _attempt(self, body: bytes, deadline: float) -> Verdict:
        bearer = await self._token.get(deadline - self._clock.monotonic())
        if isinstance(bearer, Verdict):
            return bearer
        headers = (("content-type", "application/json"), ("authorization", f"Bearer {bearer}"))
        request = Request(self._path, headers, (), body)
        response = await self._pool.send(request, timeout=deadline - self._clock.monotonic())
        wait = parse_retry_after(response.headers.get("retry-after"), self._clock.now())
        verdict = fcm_verdict(response.status, response.body, wait)
        if verdict.reason in _NEW_BEARER_MAY_HELP:
            self._token.refused(bearer)
        return verdict


class FcmProvider(OverChannels[FcmCredentials, _FcmChannel]):
    """Sends to Google with any number of service accounts, each over connections of its own."""

    def __init__(self, hosts: FcmHosts, egress: Egress, clock: Clock, grace: float) -> None:
        super().__init__(clock, grace)
        self._hosts = hosts
        self._egress = egress

    async def send(self, notification: Notification, credentials: FcmCredentials, timeout: float) -> Verdict:
        """Send one push; one too large goes as message-id-only where the app can fetch the rest."""
        for form in forms(notification):
            message = fcm_message(form, self._clock.now())
            if message.fits:
                return await self._send(message.body(), credentials, timeout)
        return Verdict(VerdictKind.REFUSED, Reason.PAYLOAD_TOO_LARGE)

    async def check(self, credentials: FcmCredentials, timeout: float) -> Verdict:
        """Have Google validate a message that it delivers to nobody."""
        return await self._send(FCM_CHECK, credentials, timeout)

    async def _send(self, body: bytes, credentials: FcmCredentials, timeout: float) -> Verdict:
        try:
            channel = await self._channels.get(credentials)
            return await channel.send(body, timeout)
        except CredentialsError:
            return Verdict(VerdictKind.CREDENTIALS_REFUSED, Reason.CREDENTIALS_UNUSABLE)
        except NotSent as error:
            return Verdict(VerdictKind.LATER, Reason.FCM_UNREACHABLE, words=error.reason)
        except Unanswered as error:
            return Verdict(VerdictKind.LATER, Reason.FCM_UNANSWERED, words=error.reason)

    async def _open(self, credentials: FcmCredentials) -> _FcmChannel:
        account, token_uri = await asyncio.to_thread(_load, credentials)
        tls = await asyncio.to_thread(self._egress.tls)
        endpoint = self._hosts.token_endpoint or token_uri
        token_pool = self._egress.pool(Origin.parse(endpoint), tls, self._clock)
        token = AccessToken(account, token_uri, token_pool, endpoint_path(endpoint), self._clock)
        pool = self._egress.pool(Origin.parse(self._hosts.fcm), tls, self._clock)
        return _FcmChannel(credentials.project_id, pool, token, self._clock)


def _load(credentials: FcmCredentials) -> tuple[ServiceAccount, str]:
    try:
        info = msgspec.json.decode(credentials.service_account, type=dict[str, object])
        account = ServiceAccount.from_service_account_info(info, scopes=[SCOPE])
        token_uri = str(info["token_uri"])
        Origin.parse(token_uri)
    except (ValueError, KeyError, GoogleAuthError):
        raise CredentialsError("the stored service account is damaged; give its JSON file again") from None
    return account, token_uri
