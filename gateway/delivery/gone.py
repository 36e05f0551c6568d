"""Whether a device that Apple calls gone is the one we know.

A token can come back: an app that is installed again, or restored from a backup, may register the same one. Apple's 410
says since when a token is dead, and for a while that may be an older death than the life we know of. Such a verdict
ends the token only when it stays.
"""

import math

from gateway.delivery.devices import Devices
from gateway.delivery.push import Push
from gateway.model.clock import Clock, time_limit
from gateway.model.device import Device
from gateway.model.errors import StoreError
from gateway.model.outcome import Later, Outcome, Rejected, TokenDead
from gateway.model.reason import Reason

STORE_SECONDS = 2.0
"""How long the store may take to say what is known of the device."""
STALE_VERDICTS = 3
STALE_SECONDS = 86_400.0
"""So many verdicts on an older life end a token, the first of them at least so long ago."""


class Gone:
    """Weighs a death with a date against what is known of the device."""

    def __init__(self, devices: Devices, clock: Clock) -> None:
        self._devices = devices
        self._clock = clock

    async def confirmed(self, outcome: Outcome, push: Push, answer_by: float) -> Outcome:
        """Return the outcome, or what takes the place of a death that may be over.

        The store is asked only about a death with a date. Where it does not say in time, nobody can tell.

        Args:
            outcome: what has become of the push if it is not.
            push: the push.
            answer_by: until when, in seconds of the monotonic clock.
        """
        if not isinstance(outcome, TokenDead) or outcome.since is None:
            return outcome
        try:
            async with time_limit(self._clock, min(STORE_SECONDS, answer_by - self._clock.monotonic())):
                known = await self._devices.known(push.device)
        except (StoreError, TimeoutError):
            return Later(Reason.STORE_UNAVAILABLE)
        is_over = may_be_over(outcome.since, known, push.notification.received_at, self._clock.now())
        return Rejected(Reason.APNS_UNREGISTERED_STALE) if is_over else outcome


def may_be_over(since: float, known: Device | None, received_at: float, now: float) -> bool:
    """Tell whether a death belongs to an older life of a device than the one that a push is for.

    Args:
        since: when Apple says that the device died; Apple counts in whole milliseconds.
        known: the device before the push; None: this is the first.
        received_at: when the push came in.
        now: when Apple said so. All are UNIX seconds.
    """
    device = known.seen(received_at) if known else None
    known_since = device.known_since if device else received_at
    return since < math.floor(known_since * 1000) / 1000 and not (device and _stays_dead(device, now))


def _stays_dead(device: Device, now: float) -> bool:
    """Tell whether one more verdict on an older life is enough."""
    first = device.stale_since
    return first is not None and device.stale_count + 1 >= STALE_VERDICTS and now - first >= STALE_SECONDS
