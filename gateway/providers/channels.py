"""What is open towards a provider, one channel per set of credentials."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Generic, Protocol, TypeVar

from gateway.http2 import Pool


class Channel(Protocol):
    """Connections that carry one set of credentials."""

    def pools(self) -> Iterable[Pool]:
        """List the pools it sends through."""
        ...

    async def aclose(self, grace: float) -> None:
        """Take nothing new, give what is under way `grace` seconds, close."""
        ...


ChannelT = TypeVar("ChannelT", bound=Channel)
CredentialsT = TypeVar("CredentialsT")


class Channels(Generic[CredentialsT, ChannelT]):
    """Opens each channel once, and closes those whose credentials are no longer in use."""

    def __init__(self, open_channel: Callable[[CredentialsT], Awaitable[ChannelT]]) -> None:
        self._open_channel = open_channel
        self._channels: dict[str, ChannelT] = {}
        self._opening = asyncio.Lock()

    def all(self) -> list[ChannelT]:
        """List what is open."""
        return list(self._channels.values())

    async def get(self, fingerprint: str, credentials: CredentialsT) -> ChannelT:
        """Return the channel of these credentials, opened now if it is not."""
        channel = self._channels.get(fingerprint)
        return channel if channel is not None else await self._open(fingerprint, credentials)

    async def _open(self, fingerprint: str, credentials: CredentialsT) -> ChannelT:
        async with self._opening:
            if fingerprint not in self._channels:
                self._channels[fingerprint] = await self._open_channel(credentials)
            return self._channels[fingerprint]

    async def retain(self, fingerprints: Collection[str], grace: float) -> None:
        """Close every channel but these; pushes under way on them get `grace` seconds."""
        gone = [self._channels.pop(fingerprint) for fingerprint in self._channels.keys() - set(fingerprints)]
        await asyncio.gather(*(channel.aclose(grace) for channel in gone))
