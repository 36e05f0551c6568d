"""The token bucket: so many a second on average, so many at once after a pause."""


class TokenBucket:
    """Fills steadily up to its burst; each that comes takes one token, or is told when there will be one.

    Rate and burst are given every time, for they may change: what has gathered stays, as far as it still fits.
    """

    __slots__ = ("_at", "_tokens")

    def __init__(self, burst: float, now: float) -> None:
        """Begin full, at `now` (seconds of a monotonic clock)."""
        self._tokens = burst
        self._at = now

    def take(self, rate: float, burst: float, now: float, debt: float = 0.0) -> float:
        """Take a token; return 0, or the seconds until one can be taken.

        Args:
            rate: tokens a second, more than 0.
            burst: how many there are at most, 1 or more.
            now: seconds of the monotonic clock.
            debt: how many may be taken that are not there yet.
        """
        self._tokens = min(burst, self._tokens + max(0.0, now - self._at) * rate)
        self._at = now
        missing = 1.0 - debt - self._tokens
        if missing > 0.0:
            return missing / rate
        self._tokens -= 1.0
        return 0.0
