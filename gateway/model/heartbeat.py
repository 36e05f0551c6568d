"""Heartbeats: by them gateways on one store know of each other."""

from collections.abc import Sequence

import msgspec

LIVE_SECONDS = 15.0
"""Who has not beaten for so long does not run any more, or cannot reach the store."""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """One running gateway, as it was at its last beat.

    `id` is drawn when the process starts. `started_at` and `at` are UNIX seconds by the gateway's own clock. `keys` are
    the fingerprints of the encryption keys it knows, the one it writes under first; `revision` is that of the store's
    contents it goes by (None: none yet).
    """

    id: str
    host: str
    pid: int
    version: str
    started_at: float
    at: float
    keys: tuple[str, ...]
    revision: int | None

    @property
    def name(self) -> str:
        """What an operator finds the process by."""
        return f"{self.host} (pid {self.pid})"

    def is_live(self, now: float) -> bool:
        """Tell whether it has beaten lately; `now` is in UNIX seconds."""
        return self.at > now - LIVE_SECONDS

    def has_keys_of(self, keys: Sequence[str]) -> bool:
        """Tell whether it writes under the first of these keys and knows the others."""
        return self.keys[:1] == tuple(keys[:1]) and set(keys) <= set(self.keys)
