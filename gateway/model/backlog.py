"""How far behind the answers the writing is."""

import msgspec


class BacklogStatistics(msgspec.Struct, frozen=True):
    """Records that wait to be written, and those that were written or lost since the start."""

    waiting: int
    written: int
    dropped: int
