"""How many pushes a second each workspace, or each app, may send over all gateways on the store."""

from collections.abc import Callable, Collection

from gateway.delivery.token_bucket import TokenBucket
from gateway.model.clock import Clock
from gateway.model.limits import Limits

BURST_SECONDS = 10.0
"""How many seconds' worth of the rate may come at once where no burst is set."""


class Rates:
    """A bucket for each that has a rate. Every gateway has an equal part of it, so together they keep to it."""

    def __init__(self, rate: float, burst: int, gateways: Callable[[], int], clock: Clock) -> None:
        """Take rate and burst of those without their own (0: none is set), and who counts the running gateways."""
        self._rate = rate
        self._burst = burst
        self._gateways = gateways
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}

    def wait(self, key: str, own: Limits, is_ring: bool) -> float:
        """Let one pass, and return 0; or return in how many seconds there is room for it.

        A ring that is refused is lost, for no server sends it again: so rings may draw on what comes, up to a burst.
        """
        rate = self._rate if own.rate is None else own.rate
        if not rate:
            return 0.0
        part = 1.0 / max(1, self._gateways())
        burst = max(1.0, part * ((self._burst if own.burst is None else own.burst) or rate * BURST_SECONDS))
        now = self._clock.monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(burst, now)
        return bucket.take(rate * part, burst, now, debt=burst if is_ring else 0.0)

    def keep(self, keys: Collection[str]) -> None:
        """Forget all others."""
        for key in self._buckets.keys() - keys:
            del self._buckets[key]
