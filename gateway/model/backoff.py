"""How long to leave alone what has just failed."""

import random

_DOUBLINGS = 20
"""Enough to reach the longest pause, and no number grows without end."""


def exponential(failures: int, first: float, longest: float) -> float:
    """Return `first` seconds after the first failure in a row, doubled by each further one, never over `longest`.

    Whoever waits takes a random share of it, so that not everybody comes back at once.
    """
    return min(first * 2.0 ** min(max(failures - 1, 0), _DOUBLINGS), longest)


def backoff(failures: int, first: float, longest: float) -> float:
    """Return how long to pause after `failures` in a row: half of `exponential` at least."""
    return exponential(failures, first, longest) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
