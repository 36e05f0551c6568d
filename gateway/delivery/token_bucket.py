"""A token bucket: so many a second, and a few at once after a pause."""


class TokenBucket:
    """Fills with time, up to its burst; the rate may change between two takes.

    It may be overdrawn by those who cannot wait; whoever comes after them waits longer.
    """

    __slots__ = ("_at", "_tokens")

    def __init__(self, burst: float, now: float) -> None:
        """Begin full; `now` is in seconds of a monotonic clock."""
        self._tokens = burst
        self._at = now

    def take(self, rate: float, burst: float, now: float, overdraws: bool = False) -> float:
        """Take a token; return 0, or the seconds until there is one, and then none was taken.

        Args:
            rate: tokens a second, more than 0.
            burst: how many it holds, 1 at least.
            now: in seconds of the same clock as ever.
            overdraws: whether a token is taken though there is none, down to minus one burst.
        """
        self._tokens = min(burst, self._tokens + max(0.0, now - self._at) * rate)
        self._at = now
        if self._tokens < 1.0 and not overdraws:
            return (1.0 - self._tokens) / rate
        self._tokens = max(self._tokens - 1.0, -burst)
        return 0.0
