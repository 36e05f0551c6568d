"""When a push that could not be taken is attempted again."""

import random

from gateway.model.backoff import exponential

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 300.0
RING_FIRST_SECONDS, RING_LONGEST_SECONDS = 0.25, 4.0
"""A call that rings is over after a minute: no provider's wish is worth more of it than some seconds."""


def next_attempt(now: float, attempts: int, retry_after: float | None, is_ring: bool = False) -> float:
    """Return the UNIX time of the next attempt: exponential backoff with full jitter, 1 s to 5 min.

    Args:
        now: UNIX time in seconds.
        attempts: how many there have been.
        retry_after: how long the provider asked to be left alone (RFC 9110 section 10.2.3), in seconds.
        is_ring: whether a phone is to ring by it, which cannot wait: 0.25 s to 4 s.
    """
    if is_ring:
        asked = min(retry_after or 0.0, RING_LONGEST_SECONDS)
        return now + max(asked, exponential(attempts, RING_FIRST_SECONDS, RING_LONGEST_SECONDS))
    jittered = random.uniform(0.0, exponential(attempts, FIRST_SECONDS, LONGEST_SECONDS))  # noqa: S311 - no secret
    return now + max(retry_after or 0.0, jittered)
