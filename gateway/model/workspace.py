"""Workspaces: the Rocket.Chat servers that may send."""

import msgspec


class SecretHash(msgspec.Struct, frozen=True):
    """A workspace secret as it is kept: its keyed hash, and until when it works (UNIX seconds, None: for good)."""

    hash: str
    until: float | None = None

    def __repr__(self) -> str:
        return f"SecretHash(***, until={self.until!r})"


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """One Rocket.Chat server: the apps it may send to, in order of trial, and how it is recognised.

    `version` counts its changes in the store.
    """

    id: str
    name: str
    apps: tuple[str, ...]
    secrets: tuple[SecretHash, ...]
    unique_id: str | None = None
    allow_from: tuple[str, ...] = ()
    suspended: bool = False
    created_at: float = 0.0
    version: int = 0
