"""Apple and Google as one: whose credentials they are says who is asked."""

import asyncio
from collections.abc import Collection

from gateway.model.app import ApnsCredentials, FcmCredentials
from gateway.model.notification import Notification
from gateway.model.traffic import PoolStatistics
from gateway.model.verdict import Verdict
from gateway.providers.port import Provider

Credentials = ApnsCredentials | FcmCredentials


class Providers:
    """Both providers behind the one port that delivery knows."""

    def __init__(self, apns: Provider[ApnsCredentials], fcm: Provider[FcmCredentials]) -> None:
        self._apns = apns
        self._fcm = fcm

    async def send(self, notification: Notification, credentials: Credentials, timeout: float) -> Verdict:
        """Send one push and return the verdict; see Provider."""
        if isinstance(credentials, ApnsCredentials):
            return await self._apns.send(notification, credentials, timeout)
        return await self._fcm.send(notification, credentials, timeout)

    async def check(self, credentials: Credentials, timeout: float) -> Verdict:
        """Ask whether these credentials are taken; see Provider."""
        if isinstance(credentials, ApnsCredentials):
            return await self._apns.check(credentials, timeout)
        return await self._fcm.check(credentials, timeout)

    async def prepare(self, credentials: Credentials) -> None:
        """Load what these credentials need; see Provider."""
        if isinstance(credentials, ApnsCredentials):
            await self._apns.prepare(credentials)
        else:
            await self._fcm.prepare(credentials)

    def retain(self, fingerprints: Collection[str]) -> None:
        """Begin to let go of all credentials but these."""
        self._apns.retain(fingerprints)
        self._fcm.retain(fingerprints)

    def statistics(self) -> dict[str, PoolStatistics]:
        """Return the state of all connections by provider."""
        return {"apns": self._apns.statistics(), "fcm": self._fcm.statistics()}

    async def aclose(self) -> None:
        """Close all connections."""
        await asyncio.gather(self._apns.aclose(), self._fcm.aclose())
