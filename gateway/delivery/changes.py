"""What an operator may change of an app or a workspace, and what is wrong with it, told in one line."""

import re
from typing import TypedDict

from gateway.model.address import Network
from gateway.model.app import ApnsCredentials, FcmCredentials
from gateway.model.errors import SettingsError
from gateway.model.limits import MOST, Limits
from gateway.model.notification_rules import NotificationRules, in_order
from gateway.model.secret import Secret
from gateway.model.workspace import FIXED_TEXT, Content

LONGEST_TEXT = 200
SHORTEST_SECRET = 24
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._@-]{0,62}[A-Za-z0-9])?")
_SECRET = re.compile(r"[A-Za-z0-9._~-]+")
"""What needs no escape in a URL (RFC 3986 section 2.3)."""


class AppChanges(TypedDict, total=False):
    """What is given of an app; the rest stays as it is."""

    apns: ApnsCredentials | None
    fcm: FcmCredentials | None
    held: bool
    limits: Limits


def given_credentials(apns: ApnsCredentials | None, fcm: FcmCredentials | None) -> AppChanges:
    """Return the change to these credentials; None leaves what the app has."""
    changes = AppChanges()
    if apns is not None:
        changes["apns"] = apns
    if fcm is not None:
        changes["fcm"] = fcm
    return changes


class WorkspaceTraits(TypedDict, total=False):
    """What is given of a workspace besides its apps.

    An empty `unique_id` takes the pin away, an empty `fixed_text` the own words.
    """

    unique_id: str | None
    allow_from: tuple[str, ...]
    suspended: bool
    held: bool
    content: Content
    fixed_text: str
    forward: bool
    limits: Limits
    rules: NotificationRules


class WorkspaceChanges(WorkspaceTraits, total=False):
    """What is given of a workspace; the rest stays as it is. `apps` are names, in order of trial."""

    apps: tuple[str, ...]


def checked(changes: WorkspaceChanges) -> WorkspaceChanges:
    """Return the changes as they are kept.

    Raises:
        SettingsError: one of them cannot be.
    """
    kept = changes.copy()
    if "unique_id" in kept:
        kept["unique_id"] = kept["unique_id"] or None
    if "allow_from" in kept:
        kept["allow_from"] = _checked_ranges(kept["allow_from"])
    if "fixed_text" in kept:
        kept["fixed_text"] = _checked_text(kept["fixed_text"])
    if "limits" in kept:
        check_limits(kept["limits"])
    if "rules" in kept:
        kept["rules"] = in_order(kept["rules"])
    return kept


def checked_name(name: str) -> str:
    """Return a name that can be one.

    Raises:
        SettingsError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(f"the name {name!r} is not 1 to 64 letters, digits, spaces and . _ @ -")
    return name


def check_limits(limits: Limits) -> None:
    """Check that no limit is below nothing or beyond sense.

    Raises:
        SettingsError: one is.
    """
    for field in limits.__struct_fields__:
        value = getattr(limits, field)
        if value is not None and not 0 <= value <= MOST:
            raise SettingsError(f"limits.{field}: expected 0 to {MOST}, got {value}")


def check_secret(secret: Secret) -> None:
    """Check that a secret can stand in a URL, and that nobody guesses it.

    Raises:
        SettingsError: it cannot, or is too short.
    """
    text = secret.reveal()
    if len(text) < SHORTEST_SECRET or not _SECRET.fullmatch(text):
        raise SettingsError(
            f"secret: expected {SHORTEST_SECRET} or more letters, digits and . _ ~ -; "
            "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )


def _checked_ranges(ranges: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(str(Network.parse(text)) for text in ranges)
    except ValueError as error:
        raise SettingsError(f"allow_from: {error}") from None


def _checked_text(text: str) -> str:
    text = text.strip() or FIXED_TEXT
    if len(text) > LONGEST_TEXT or not text.isprintable():
        raise SettingsError(f"fixed_text: expected one line of at most {LONGEST_TEXT} characters")
    if ":" in text:
        raise SettingsError("fixed_text: it cannot have a colon, for Android shows only what comes after")
    return text
