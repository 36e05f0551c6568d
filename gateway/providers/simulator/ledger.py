"""What the simulated services received."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.providers.simulator.exchange import Fault
from gateway.providers.simulator.rules import Environment, Platform

_KEPT = 100_000
_KEPT_OCTETS = 256 * 1024 * 1024
_NULL = msgspec.Raw(b"null")


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One push as it arrived, and what was answered."""

    at: float
    """UNIX seconds."""
    platform: Platform
    environment: Environment | msgspec.UnsetType = msgspec.UNSET
    """Which of Apple's hosts; APNs only."""
    token: str
    """As sent; "" when the request has none."""
    headers: dict[str, str]
    """Without HTTP/2's own, and without the bearer."""
    raw_payload: msgspec.Raw = msgspec.field(name="payload", default=_NULL)
    """The APNs body or the FCM `message` as JSON text."""
    status: int
    reason: str | None = None
    """Apple's reason, or Google's error code (its status where it has none); None when the push was taken."""
    h2: Fault | msgspec.UnsetType = msgspec.UNSET
    """What a rule made go wrong with the answer: it may never have got to the client."""
    apns_id: str | msgspec.UnsetType = msgspec.UNSET
    validate_only: bool | msgspec.UnsetType = msgspec.UNSET
    """FCM only: checked, and delivered to nobody."""

    def __repr__(self) -> str:
        return f"Received({self.platform}, {self.status}, {self.reason})"

    @property
    def payload(self) -> Any:  # noqa: ANN401 - JSON of any shape
        """The payload decoded; None when it was not JSON."""
        return msgspec.json.decode(self.raw_payload)


class Ledger:
    """The last 100,000 pushes in order of arrival, fewer where their payloads are large."""

    def __init__(self) -> None:
        self._entries: deque[Received] = deque()
        self._octets = 0
        self._waiters: list[asyncio.Future[Received]] = []

    def add(self, entry: Received) -> None:
        """Note one more; the oldest give way."""
        self._entries.append(entry)
        self._octets += memoryview(entry.raw_payload).nbytes
        while len(self._entries) > _KEPT or self._octets > _KEPT_OCTETS:
            self._octets -= memoryview(self._entries.popleft().raw_payload).nbytes
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(entry)
        self._waiters.clear()

    async def next(self) -> Received:
        """Wait for the next push."""
        waiter: asyncio.Future[Received] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return await waiter

    def entries(self) -> list[Received]:
        """All of them, oldest first."""
        return list(self._entries)

    def clear(self) -> None:
        """Forget all of them."""
        self._entries.clear()
        self._octets = 0


def shown_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers fit to show: repeated ones joined, the bearer hidden."""
    shown: dict[str, str] = {}
    for name, value in headers:
        visible = "bearer ***" if name == "authorization" else value
        shown[name] = f"{shown[name]}, {visible}" if name in shown else visible
    return shown
