"""When a verdict on many tokens is rather about us: what is counted, and how much may happen before it is plain.

Devices are known here by their keyed hashes, a bounded number of them.
"""

import math
from collections import Counter, OrderedDict

import msgspec

from gateway.config import GuardSettings
from gateway.model.reason import Reason

_DOUBTFUL = frozenset(
    {
        Reason.APNS_BAD_DEVICE_TOKEN,
        Reason.APNS_DEVICE_TOKEN_NOT_FOR_TOPIC,
        Reason.APNS_TOPIC_DISALLOWED,
        Reason.APNS_BAD_TOPIC,
        Reason.APNS_MISSING_TOPIC,
        Reason.FCM_INVALID_TOKEN,
        Reason.FCM_SENDER_ID_MISMATCH,
    }
)
"""What every good token is told too when our key, topic or environment is wrong."""
GONE = frozenset({Reason.APNS_UNREGISTERED, Reason.APNS_EXPIRED_TOKEN, Reason.FCM_UNREGISTERED})
"""What is about the token, unless it is said of far too many at once."""


class Bounds(msgspec.Struct, frozen=True):
    """From where on one of these verdicts is taken for a fault of ours.

    At least `heard` different tokens must have been heard of within `seconds`, `refused` of them with the same verdict,
    and these must be over a `share` of all, or all. `reserve` tokens may end, one after the other, while nothing is
    delivered.
    """

    reasons: frozenset[Reason]
    heard: int
    refused: int
    share: float
    seconds: float
    reserve: int

    @property
    def size(self) -> int:
        """Of how many tokens, those heard of last, the share is taken.

        A longer memory would need as many wrong verdicts as it holds successes from before things went wrong.
        """
        return math.ceil(self.heard / self.share)


def bounds_of(settings: GuardSettings) -> tuple[Bounds, ...]:
    """Read the settings: doubtful verdicts are counted by themselves, of those that are about tokens the share.

    Few ends are believed on a doubtful verdict, and more on one that names a death.
    """
    seconds, tokens, gone = settings.minutes * 60.0, settings.tokens, settings.unregistered_tokens
    return (
        Bounds(
            _DOUBTFUL, heard=tokens, refused=tokens, share=settings.share, seconds=seconds, reserve=max(1, tokens // 10)
        ),
        Bounds(
            GONE, heard=gone, refused=1, share=settings.unregistered_share, seconds=seconds, reserve=max(1, gone // 2)
        ),
    )


class Sample:
    """What was said of each token last, of those heard of last: `size` at most, none longer than `seconds` ago."""

    def __init__(self, size: int, seconds: float = math.inf) -> None:
        self._size = size
        self._seconds = seconds
        self._heard: OrderedDict[str, tuple[Reason, float]] = OrderedDict()
        self._counts: Counter[Reason] = Counter()

    def __len__(self) -> int:
        return len(self._heard)

    def count(self, reason: Reason) -> int:
        """Return of how many tokens this was said last."""
        return self._counts[reason]

    def says(self, device: str, reason: Reason) -> bool:
        """Tell whether this was said last of a token."""
        return self._heard.get(device, (None, 0.0))[0] is reason

    def hear(self, device: str, reason: Reason, now: float) -> None:
        """Take what is said of a token at `now`, in seconds of the monotonic clock."""
        if device in self._heard:
            self._forget(device)
        self._heard[device] = reason, now
        self._counts[reason] += 1
        while len(self._heard) > self._size or self._oldest() <= now - self._seconds:
            self._forget(next(iter(self._heard)))

    def _oldest(self) -> float:
        return next(iter(self._heard.values()))[1]

    def _forget(self, device: str) -> None:
        reason, _ = self._heard.pop(device)
        self._counts[reason] -= 1


class Suspicion:
    """How it looks for one app at one provider, by the verdicts of one kind."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.reserve = bounds.reserve
        """How many tokens may still end before something is delivered."""
        self.sample = Sample(bounds.size, bounds.seconds)

    def delivered(self, device: str, now: float) -> None:
        """Hear that a token is good; it vouches for one end of another, once: a single one could vouch for all."""
        if not self.sample.says(device, Reason.DELIVERED):
            self.reserve = min(self.reserve + 1, self._bounds.reserve)
        self.sample.hear(device, Reason.DELIVERED, now)

    def refused(self, device: str, reason: Reason, now: float) -> bool:
        """Hear that a token is refused, and tell whether that makes too many."""
        self.sample.hear(device, reason, now)
        all_of_them, refused = len(self.sample), self.sample.count(reason)
        is_over_share = refused > self._bounds.share * all_of_them or refused == all_of_them
        return all_of_them >= self._bounds.heard and refused >= self._bounds.refused and is_over_share


class Recovery:
    """How it looks since the guard has tripped, however long ago that was."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._sample = Sample(bounds.size)

    def hear(self, device: str, reason: Reason, now: float) -> None:
        """Take what is said of a token at `now`, in seconds of the monotonic clock."""
        self._sample.hear(device, reason, now)

    @property
    def is_complete(self) -> bool:
        """Tell whether sends succeed again: enough tokens were heard of, and no more than half the share failed."""
        heard = len(self._sample)
        delivered = self._sample.count(Reason.DELIVERED)
        return heard >= self._bounds.heard and delivered >= (1 - self._bounds.share / 2) * heard
