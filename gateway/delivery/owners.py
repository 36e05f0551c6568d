"""Whose a device token is: an Android push does not name its app, and only Google knows.

What was learned of a device lies in the registry. It is asked only of workspaces that forward, and once a device: the
rest is known from memory.
"""

from collections import OrderedDict
from enum import StrEnum

import msgspec

from gateway.delivery.devices import Devices
from gateway.delivery.gone import STORE_SECONDS
from gateway.delivery.push import Push, Report
from gateway.model.clock import Clock, time_limit
from gateway.model.device import Device
from gateway.model.errors import StoreError
from gateway.model.reason import Reason

FOREIGN_SECONDS = 86_400.0
"""For how long own apps are not asked of a token again that none of them knew."""
CAPACITY = 50_000
"""Of how many devices it is known without asking; beyond, those are forgotten that were learned first."""
ASK_SECONDS = 0.5
"""How long a push waits for the registry to say whose its device is; then its apps are asked."""


class Owner(StrEnum):
    """Who delivers to a device."""

    OURS = "ours"
    """An own app has delivered to it."""
    FOREIGN = "foreign"
    """Every own app has called its token another project's."""
    UNKNOWN = "unknown"


class _Known(msgspec.Struct, frozen=True):
    """What is known of a device to the apps of one workspace, until a time (UNIX seconds)."""

    owner: Owner
    until: float


class Owners:
    """Knows it from memory, else from the registry."""

    def __init__(self, devices: Devices, clock: Clock) -> None:
        self._devices = devices
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()

    async def of(self, push: Push) -> Owner:
        """Say who delivers to the device of an Android push; where there is no app of ours, it is foreign."""
        if not push.member.android:
            return Owner.FOREIGN
        known = self._known.get(_key(push))
        if known is None or known.until <= self._clock.now():
            known = await self._asked(push)
        return known.owner

    def learn(self, push: Push, report: Report) -> None:
        """Hear what own apps have made of an Android push."""
        if report.is_foreign:
            self._keep(push, _Known(Owner.FOREIGN, self._clock.now() + FOREIGN_SECONDS))
        elif report.outcome.reason is Reason.DELIVERED:
            self._keep(push, _Known(Owner.OURS, self._clock.now() + FOREIGN_SECONDS))

    async def have_delivered(self, push: Push, answer_by: float) -> bool:
        """Tell whether any app of ours has ever delivered to a device.

        Args:
            push: one to it.
            answer_by: until when, in seconds of the monotonic clock.

        Raises:
            StoreError: the registry does not say.
            TimeoutError: it does not in time.
        """
        async with time_limit(self._clock, min(STORE_SECONDS, answer_by - self._clock.monotonic())):
            device = await self._devices.known(push.device)
        return device is not None and device.last_success is not None

    async def _asked(self, push: Push) -> _Known:
        try:
            async with time_limit(self._clock, ASK_SECONDS):
                device = await self._devices.known(push.device)
        except (StoreError, TimeoutError):
            device = None
        known = self._of(device, push)
        if known.owner is not Owner.UNKNOWN:
            self._keep(push, known)
        return known

    def _of(self, device: Device | None, push: Push) -> _Known:
        now = self._clock.now()
        if device is not None and device.foreign_to == push.member.android_apps:
            until = (device.foreign_at or 0.0) + FOREIGN_SECONDS
            if now < until:
                return _Known(Owner.FOREIGN, until)
        is_ours = device is not None and device.last_success is not None and _took_it_last(device, push)
        return _Known(Owner.OURS if is_ours else Owner.UNKNOWN, now + FOREIGN_SECONDS)

    def _keep(self, push: Push, known: _Known) -> None:
        self._known.pop(_key(push), None)
        self._known[_key(push)] = known
        if len(self._known) > CAPACITY:
            self._known.popitem(last=False)


def _took_it_last(device: Device, push: Push) -> bool:
    return any(route.app == device.app for route in push.member.android)


def _key(push: Push) -> tuple[str, str]:
    return push.device, push.member.android_apps
