"""How long to wait after failures in a row."""

_DOUBLINGS = 20
"""Enough to reach any longest wait, and no number grows without end."""


def exponential(failures: int, first: float, longest: float) -> float:
    """Return the seconds after `failures` failures in a row: `first`, doubled every time, never over `longest`.

    Whoever waits takes a random share of it, so that not everybody comes back at once.
    """
    return min(first * 2.0 ** min(max(failures - 1, 0), _DOUBLINGS), longest)
