"""Retry-After, as seconds or as an HTTP date (RFC 9110 section 10.2.3)."""

from email.utils import parsedate_to_datetime

MAX_SECONDS = 3600.0


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds to wait from `now` (UNIX seconds), at most an hour; None when absent or unreadable."""
    if not value:
        return None
    try:
        seconds = float(value) if value.isdecimal() else parsedate_to_datetime(value).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_SECONDS)
