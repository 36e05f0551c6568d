"""How much one workspace or one app may take."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from the settings for all; None is as there, 0 is no limit (of `outbox`: nothing is kept).

    `rate` is pushes a second, `burst` how many at once after a pause, `per_month` pushes in a calendar month (UTC),
    `in_flight` requests at a time in one process, `outbox` stored pushes.
    """

    rate: float | None = None
    burst: int | None = None
    per_month: int | None = None
    in_flight: int | None = None
    outbox: int | None = None


NO_LIMITS = Limits()
"""Of its own: all is as the settings say."""
