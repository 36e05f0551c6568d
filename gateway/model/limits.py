"""How much one workspace or one app may take."""

from typing import Annotated

import msgspec
from msgspec import Meta

MOST = 10**12
"""Of anything; more is a slip of the finger."""
Rate = Annotated[float, Meta(ge=0, le=MOST)]
Count = Annotated[int, Meta(ge=0, le=MOST)]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from the settings for all; None is as there, 0 is no limit (of `outbox`: nothing is kept).

    `rate` is pushes a second, `burst` how many at once after a pause, `per_month` pushes in a calendar month (UTC),
    `in_flight` requests at a time in one process, `outbox` stored pushes.
    """

    rate: Rate | None = None
    burst: Count | None = None
    per_month: Count | None = None
    in_flight: Count | None = None
    outbox: Count | None = None

    def over(self, general: "Limits") -> "Limits":
        """Return the limits that hold where `general` ones stand for all: those of its own go before them."""
        if self == NO_LIMITS:
            return general
        own = {name: limit for name, limit in msgspec.structs.asdict(self).items() if limit is not None}
        return msgspec.structs.replace(general, **own)


NO_LIMITS = Limits()
"""Of its own: all is as the settings say."""
