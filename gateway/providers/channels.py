"""What is open towards a provider, one channel per set of credentials."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from gateway.http2 import Pool, summed
from gateway.model.app import ApnsCredentials, FcmCredentials
from gateway.model.clock import Clock
from gateway.model.errors import CredentialsError
from gateway.model.traffic import PoolStatistics


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
    """Opens each channel once, and closes those whose credentials are no longer in use.

    Credentials that cannot be opened are not tried again: loading keys takes long enough to slow all others.
    """

    def __init__(self, open_channel: Callable[[CredentialsT], Coroutine[Any, Any, ChannelT]]) -> None:
        self._open_channel = open_channel
        self._opened: dict[str, asyncio.Task[ChannelT]] = {}
        self._leaving: set[asyncio.Task[ChannelT]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = PoolStatistics()

    def all(self) -> list[ChannelT]:
        """List what is open."""
        return _ready(self._opened.values())

    def gone(self) -> PoolStatistics:
        """Sum up what is closing, and what those that are closed have counted."""
        leaving = (pool for channel in _ready(self._leaving) for pool in channel.pools())
        return summed([self._closed, *(pool.statistics() for pool in leaving)])

    async def get(self, credentials: CredentialsT) -> ChannelT:
        """Return the channel of these credentials, opened now if it is not.

        Raises:
            CredentialsError: they cannot be used.
        """
        opened = self._opened.get(credentials.fingerprint)
        if opened is None:
            opened = asyncio.create_task(self._open_channel(credentials))
            self._opened[credentials.fingerprint] = opened
        return opened.result() if opened.done() else await asyncio.shield(opened)

    def retain(self, fingerprints: Collection[str], grace: float) -> None:
        """Begin to close every channel but these; pushes under way on them get `grace` seconds."""
        for fingerprint in self._opened.keys() - set(fingerprints):
            opened = self._opened.pop(fingerprint)
            closing = asyncio.create_task(self._close(opened, grace))
            self._leaving.add(opened)
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Close every channel now."""
        self.retain((), 0.0)
        await asyncio.gather(*self._closing)

    async def _close(self, opened: "asyncio.Task[ChannelT]", grace: float) -> None:
        with suppress(CredentialsError):
            channel = await opened
            await channel.aclose(grace)
            self._closed = summed([self._closed, *(pool.statistics() for pool in channel.pools())])
        self._leaving.discard(opened)


def _ready(tasks: "Iterable[asyncio.Task[ChannelT]]") -> list[ChannelT]:
    return [task.result() for task in tasks if task.done() and not task.exception()]


class OverChannels(ABC, Generic[CredentialsT, ChannelT]):
    """The part of a Provider that is the same for all: a channel for each set of credentials.

    What is under way on a channel when its credentials go gets `grace` seconds.
    """

    def __init__(self, clock: Clock, grace: float) -> None:
        self._clock = clock
        self._grace = grace
        self._channels: Channels[CredentialsT, ChannelT] = Channels(self._open)

    @abstractmethod
    async def _open(self, credentials: CredentialsT) -> ChannelT:
        """Load the keys, off the event loop, and make the pools."""

    async def prepare(self, credentials: CredentialsT) -> None:
        """Load keys and open what these credentials need; see Provider."""
        await self._channels.get(credentials)

    def retain(self, fingerprints: Collection[str]) -> None:
        """Begin to close connections of credentials that changed or went."""
        self._channels.retain(fingerprints, self._grace)

    def pools(self) -> Iterable[Pool]:
        """List the pools of all channels that are open."""
        return (pool for channel in self._channels.all() for pool in channel.pools())

    def statistics(self) -> PoolStatistics:
        """Sum up all pools there are and have been."""
        return summed([self._channels.gone(), *(pool.statistics() for pool in self.pools())])

    async def aclose(self) -> None:
        """Close everything now."""
        await self._channels.aclose()
