"""Workspaces: the Rocket.Chat servers that may send."""

from enum import StrEnum

import msgspec

from gateway.model.limits import Limits
from gateway.model.notification_rules import NotificationRules

FIXED_TEXT = "You have a new message"
"""What a device shows where the text stays with the server, unless the workspace has its own words for it."""


class Content(StrEnum):
    """How much of a message Apple and Google get to see."""

    FULL = "full"
    GENERIC = "generic"
    """A fixed text; of the payload what the app needs to open the room."""
    ID_ONLY = "id-only"
    """A fixed text, and the ids by which the app fetches the rest."""


class SecretHash(msgspec.Struct, frozen=True):
    """A workspace secret as it is kept: its keyed hash, and until when it works (UNIX seconds, None: for good)."""

    hash: str
    until: float | None = None

    def __repr__(self) -> str:
        return f"SecretHash(***, until={self.until!r})"


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """One Rocket.Chat server: the apps it may send to, in order of trial, and how it is recognised.

    While it is `held`, its pushes are stored. `content` is what providers may see, and `fixed_text` what is shown in
    place of the rest; `forward` is whether the official gateway gets what none of its apps can deliver; `rules` decide
    whom it notifies. `version` counts its changes in the store.
    """

    id: str
    name: str
    apps: tuple[str, ...]
    secrets: tuple[SecretHash, ...]
    unique_id: str | None = None
    allow_from: tuple[str, ...] = ()
    suspended: bool = False
    held: bool = False
    content: Content = Content.FULL
    fixed_text: str = FIXED_TEXT
    forward: bool = False
    limits: Limits = Limits()
    rules: NotificationRules = NotificationRules()
    created_at: float = 0.0
    version: int = 0
