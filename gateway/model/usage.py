"""How many pushes each workspace has sent in a month, and what became of them."""

from calendar import monthrange
from datetime import UTC, datetime

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """So many pushes of one workspace through one app ended, as it was answered, in one outcome.

    `month` is as 2026-11 (UTC), `app` is "" where none was found, `outcome` is the outcome's label.
    """

    month: str
    workspace: str
    app: str
    outcome: str
    count: int

    @property
    def id(self) -> str:
        """What it is found by."""
        return f"{self.month}:{self.workspace}:{self.app}:{self.outcome}"


def month_of(at: float) -> str:
    """Return the calendar month of `at` (UNIX seconds), as 2026-11."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")


def end_of_month(at: float) -> float:
    """Return when the calendar month of `at` ends and the next begins (both UNIX seconds)."""
    moment = datetime.fromtimestamp(at, UTC)
    days = monthrange(moment.year, moment.month)[1]
    return datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp() + days * 86_400.0
