"""What was said last of each of the different tokens that were sent to last."""

import math
from itertools import islice
from typing import NamedTuple

from gateway.model.reason import Reason

_DIGITS = 16
"""As many of a device's keyed hash tell a few hundred devices apart."""


class _Said(NamedTuple):
    reason: Reason
    at: float


class Tally(NamedTuple):
    """How many different tokens were refused for one reason, and how many were taken."""

    refused: int
    taken: int


class NewestTokens:
    """The newest different tokens of one app at one provider, by the keyed hashes of their devices.

    Each counts once, by what was said of it last, so that a device that gets many pushes does not speak for others.
    """

    def __init__(self, capacity: int) -> None:
        """Begin with none; `capacity` is how many are known at most, the newest."""
        self._capacity = capacity
        self._said: dict[str, _Said] = {}

    def hear(self, device: str, reason: Reason, at: float) -> None:
        """Learn what was said of a device at `at` (UNIX seconds); `Reason.DELIVERED`: it was taken."""
        key = device[:_DIGITS]
        self._said.pop(key, None)
        self._said[key] = _Said(reason, at)
        if len(self._said) > self._capacity:
            del self._said[next(iter(self._said))]

    def tally(self, reason: Reason, newest: int, since: float = -math.inf) -> Tally:
        """Count among the `newest` tokens those that heard something after `since` (UNIX seconds)."""
        said = [one.reason for one in islice(reversed(self._said.values()), newest) if one.at > since]
        return Tally(said.count(reason), said.count(Reason.DELIVERED))

    def forget(self, reason: Reason) -> None:
        """Forget of which tokens this was said."""
        self._said = {key: one for key, one in self._said.items() if one.reason is not reason}
