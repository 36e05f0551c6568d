"""How long to leave alone what has just failed."""

import random

_DOUBLINGS = 20
"""Enough to reach the longest pause, and no number grows without end."""


def backoff(failures: int, first: float, longest: float) -> float:
    """Return how long to pause after `failures` in a row.

    Args:
        failures: how many, from 1 on.
        first: seconds after the first; each further one doubles them.
        longest: seconds that no pause exceeds.

    Returns:
        Seconds, with jitter down to half of them, so that not everybody comes back at once.
    """
    seconds: float = min(first * 2 ** min(failures - 1, _DOUBLINGS), longest)
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
