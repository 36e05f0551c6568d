"""A load of pushes at a fixed rate, over connections that are kept."""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import aiohttp

from tests.crash.pushes import DOORS, Answer, Device, Provider

TICK = 0.005
"""Seconds between two looks at what is due."""
PATIENCE = 20.0
"""Seconds a Rocket.Chat server waits for an answer."""


class Load:
    """Sends pushes while the block runs; at its end the answers under way are waited for.

    To each device one push after the other: the next one is sent when the one before is answered, or never will be.
    Nothing is sent twice. The gateways get the pushes in turn, as a load balancer gives them out that knows nothing.

    Args:
        gateways: their public doors, as URLs.
        secrets: of the workspaces that send to each provider.
        rates: pushes a second to each provider, however slow the answers are, as long as there is a device that has
            none under way. There are as many devices, so that each gets one a second, or waits a second for an answer.
    """

    def __init__(
        self, gateways: Sequence[str], secrets: Mapping[Provider, str], rates: Mapping[Provider, float]
    ) -> None:
        self.answers: list[Answer] = []
        """In the order in which they came."""
        self.skipped = 0
        """How many pushes were due when every device still waited for an answer."""
        self._gateways = itertools.cycle(gateways)
        self._paths = {provider: f"/w/{secret}/push/{DOORS[provider]}/send" for provider, secret in secrets.items()}
        self._rates = rates
        self._is_over = False
        self._under_way: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, headers={"Content-Type": "application/json"}
        )
        self._pacing = [asyncio.create_task(self._pace(*rate)) for rate in self._rates.items()]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        await asyncio.gather(*self._pacing)
        await asyncio.gather(*self._under_way)
        await self._session.close()

    async def _pace(self, provider: Provider, rate: float) -> None:
        idle = deque(Device(provider, number) for number in range(round(rate)))
        start, sent = time.monotonic(), 0
        while not self._is_over:
            due = int((time.monotonic() - start) * rate)
            for _ in range(due - sent):
                self._send_next(idle)
            sent = due
            await asyncio.sleep(TICK)

    def _send_next(self, idle: deque[Device]) -> None:
        if not idle:
            self.skipped += 1
            return
        device = idle.popleft()
        task = asyncio.create_task(self._send(device))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        task.add_done_callback(lambda _: idle.append(device))

    async def _send(self, device: Device) -> None:
        push, at, started = device.next_push(), time.time(), time.perf_counter()
        url = f"{next(self._gateways)}{self._paths[device.provider]}"
        status, outcome = None, ""
        try:
            async with self._session.post(url, data=push.body()) as answer:
                await answer.read()
                status, outcome = answer.status, answer.headers.get("Gateway-Outcome", "")
        except (aiohttp.ClientError, TimeoutError):
            pass
        self.answers.append(Answer(push, at, time.perf_counter() - started, status, outcome))
