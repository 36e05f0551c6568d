"""How long a push is of use."""

from datetime import UTC, datetime

import msgspec

RING_SECONDS = 60.0
DEFAULT_SECONDS = 3600.0
MAX_SECONDS = 28 * 86400.0
"""FCM's longest `ttl`; Rocket.Chat's own are minutes."""


class Lifetime(msgspec.Struct, frozen=True):
    """The end of a push's use (UNIX seconds), and whether the push itself named it."""

    expires_at: float
    given: bool


def call_lifetime(created_at: object, arrived_at: float) -> Lifetime:
    """Say when a call's ring expires: 60 s from its creation, and never more than 60 s from its arrival.

    The server's clock may be wrong; with an unreadable creation time the arrival counts.
    """
    born = parse_time(created_at)
    return Lifetime(arrived_at + RING_SECONDS if born is None else min(born, arrived_at) + RING_SECONDS, True)


def lifetime(expiration_seconds: float | None, arrived_at: float) -> Lifetime:
    """Say when any other push expires: after `apn.expirationSeconds`, else an hour, as the server's own sender says."""
    if expiration_seconds is None:
        return Lifetime(arrived_at + DEFAULT_SECONDS, False)
    return Lifetime(arrived_at + min(expiration_seconds, MAX_SECONDS), True)


def parse_time(value: object) -> float | None:
    """Read an ISO 8601 time as UNIX seconds; without a zone it is UTC. None when it cannot be read."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp() if moment else None
    except ValueError:
        return None
