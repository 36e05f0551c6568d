"""Which of several ways to a device worked last: the one to begin with.

What is remembered only orders the ways of a push; it never adds one. A device that has moved to another app, or to
Apple's other environment, is found by the ways behind, and remembered anew.
"""

from collections import OrderedDict

from gateway.delivery.devices import Devices
from gateway.delivery.push import Push
from gateway.delivery.snapshot import Route
from gateway.model.app import ApnsCredentials
from gateway.model.clock import Clock, time_limit
from gateway.model.errors import StoreError

REMEMBERED = 50_000
"""Of how many devices it is known without the registry."""
REGISTRY_SECONDS = 0.2
"""How long a push waits for the registry, once for each device and process."""


class LearnedWays:
    """Knows from memory, else from the device registry; asked only where a push has several ways."""

    def __init__(self, devices: Devices, clock: Clock) -> None:
        self._devices = devices
        self._clock = clock
        self._ways: OrderedDict[str, tuple[str | None, str | None]] = OrderedDict()

    async def first(self, routes: tuple[Route, ...], push: Push) -> tuple[Route, ...]:
        """Return the ways with the one first that worked last, if any of them did."""
        if len(routes) < 2:
            return routes
        way = self._ways.get(push.device) or await self._registered(push.device)
        return tuple(sorted(routes, key=lambda route: _way(route) != way)) if way else routes

    def worked(self, route: Route, device: str) -> None:
        """Remember a way that a provider took a push by."""
        self._remember(device, _way(route))

    async def _registered(self, device: str) -> tuple[str | None, str | None] | None:
        try:
            async with time_limit(self._clock, REGISTRY_SECONDS):
                known = await self._devices.known(device)
        except (StoreError, TimeoutError):
            return None
        way = (known.app, known.environment) if known else (None, None)
        self._remember(device, way)
        return way

    def _remember(self, device: str, way: tuple[str | None, str | None]) -> None:
        self._ways[device] = way
        self._ways.move_to_end(device)
        if len(self._ways) > REMEMBERED:
            self._ways.popitem(last=False)


def _way(route: Route) -> tuple[str | None, str | None]:
    return route.app, environment_of(route)


def environment_of(route: Route) -> str | None:
    """Name Apple's environment that a way leads to."""
    credentials = route.credentials
    return credentials.environment.value if isinstance(credentials, ApnsCredentials) else None
