"""What was said last of each of the newest tokens."""

from gateway.delivery.newest_tokens import NewestTokens
from gateway.model.reason import Reason

BAD, GONE, TAKEN = Reason.APNS_BAD_DEVICE_TOKEN, Reason.APNS_UNREGISTERED, Reason.DELIVERED


def heard(*said: tuple[str, Reason], capacity: int = 10) -> NewestTokens:
    """Tokens of which this was said, one thing a second."""
    tokens = NewestTokens(capacity)
    for second, (device, reason) in enumerate(said):
        tokens.hear(device, reason, float(second))
    return tokens


def test_each_reason_is_counted_apart() -> None:
    tokens = heard(("a", BAD), ("b", GONE), ("c", TAKEN), ("d", BAD))
    assert tokens.tally(BAD, 10) == (2, 1)
    assert tokens.tally(GONE, 10) == (1, 1)


def test_a_device_counts_once_by_what_was_said_last() -> None:
    assert heard(("a", BAD), ("a", BAD), ("b", BAD), ("b", TAKEN)).tally(BAD, 10) == (1, 1)


def test_only_the_newest_are_counted() -> None:
    tokens = heard(("a", BAD), ("b", TAKEN), ("c", TAKEN), ("a", BAD))
    assert tokens.tally(BAD, 1) == (1, 0)
    assert tokens.tally(BAD, 2) == (1, 1)


def test_only_what_was_said_since_is_counted() -> None:
    assert heard(("a", BAD), ("b", TAKEN), ("c", BAD)).tally(BAD, 10, since=0.0) == (1, 1)


def test_no_more_are_known_than_may_be() -> None:
    assert heard(("a", BAD), ("b", BAD), ("c", BAD), capacity=2).tally(BAD, 10) == (2, 0)


def test_what_is_forgotten_counts_no_more_and_the_rest_does() -> None:
    tokens = heard(("a", BAD), ("b", TAKEN), ("c", GONE))
    tokens.forget(BAD)
    assert tokens.tally(BAD, 10) == (0, 1)
    assert tokens.tally(GONE, 10) == (1, 1)
