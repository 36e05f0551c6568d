"""What is open towards a provider, one channel per set of credentials."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Generic, Protocol, TypeVar

from gateway.http2 import Pool
from gateway.model.app import ApnsCredentials, FcmCredentials
from gateway.model.clock import Clock


class Channel(Protocol):
    """Connections that carry one set of credentials."""

    def pools(self) -> Iterable[Pool]:
        """List the pools it sends through."""
        ...

    async def aclose(self, grace: float) -> None:
        """Take nothing new, give what is under way `grace` seconds, close."""
        ...


ChannelT = TypeVar("ChannelT", bound=Channel)
CredentialsT = TypeVar("CredentialsT", bound=ApnsCredentials | FcmCredentials)


class Channels(Generic[CredentialsT, ChannelT]):
    """Opens each channel once, and closes those whose credentials are no longer in use."""

    def __init__(self, open_channel: Callable[[CredentialsT], Awaitable[ChannelT]]) -> None:
        self._open_channel = open_channel
        self._channels: dict[str, ChannelT] = {}
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    def all(self) -> list[ChannelT]:
        """List what is open."""
        return list(self._channels.values())

    async def get(self, credentials: CredentialsT) -> ChannelT:
        """Return the channel of these credentials, opened now if it is not."""
        channel = self._channels.get(credentials.fingerprint)
        return channel if channel is not None else await self._open(credentials)

    async def _open(self, credentials: CredentialsT) -> ChannelT:
        async with self._opening:
            if credentials.fingerprint not in self._channels:
                self._channels[credentials.fingerprint] = await self._open_channel(credentials)
            return self._channels[credentials.fingerprint]

    def retain(self, fingerprints: Collection[str], grace: float) -> None:
        """Begin to close every channel but these; pushes under way on them get `grace` seconds."""
        for fingerprint in self._channels.keys() - set(fingerprints):
            closing = asyncio.create_task(self._channels.pop(fingerprint).aclose(grace))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Close every channel now."""
        self.retain((), 0.0)
        await asyncio.gather(*self._closing)


class OverChannels(ABC, Generic[CredentialsT, ChannelT]):
    """The part of a Provider that is the same for all: a channel for each set of credentials."""

    def __init__(self, clock: Clock, timeout: float) -> None:
        self._clock = clock
        self._timeout = timeout
        self._channels: Channels[CredentialsT, ChannelT] = Channels(self._open)

    @abstractmethod
    async def _open(self, credentials: CredentialsT) -> ChannelT:
        """Load the keys, off the event loop, and make the pools."""

    async def prepare(self, credentials: CredentialsT) -> None:
        """Load keys and open what these credentials need; see Provider."""
        await self._channels.get(credentials)

    def retain(self, fingerprints: Collection[str]) -> None:
        """Begin to close connections of credentials that changed or went."""
        self._channels.retain(fingerprints, self._timeout)

    def pools(self) -> Iterable[Pool]:
        """List all pools."""
        return (pool for channel in self._channels.all() for pool in channel.pools())

    async def aclose(self) -> None:
        """Close everything now."""
        await self._channels.aclose()
