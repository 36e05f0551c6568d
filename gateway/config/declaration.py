"""The file in which an operator declares everything: apps, workspaces, limits.

Secrets stand in it by reference only: `<what>_file` names a file, beside the declaration unless its path is absolute,
`<what>_env` an environment variable.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.config.toml_file import TomlFile
from gateway.model.address import Network
from gateway.model.app import ApnsEnvironment
from gateway.model.limits import Limits
from gateway.model.notification_rules import NotificationRules
from gateway.model.workspace import FIXED_TEXT, Content

AppleId = Annotated[
    str, Meta(pattern="^[A-Z0-9]{10}$", description="one of Apple's ids: ten capital letters and digits")
]
Topic = Annotated[str, Meta(pattern="^[A-Za-z0-9.-]{1,200}$", description="a bundle id such as com.example.chat")]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file; what is not in it has its default."""


class LimitsEntry(Limits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[apps.NAME.limits]`, `[workspaces.NAME.limits]`."""

    @property
    def limits(self) -> Limits:
        """The limits themselves."""
        return Limits(**msgspec.structs.asdict(self))


class RulesEntry(NotificationRules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[workspaces.NAME.rules]`."""

    @property
    def rules(self) -> NotificationRules:
        """The rules themselves."""
        return NotificationRules(**msgspec.structs.asdict(self))


class ApnsEntry(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Apple's credentials: a key with its ids, or a certificate, whose key may lie in a file of its own."""

    key_file: str | None = None
    key_env: str | None = None
    key_id: AppleId | None = None
    team_id: AppleId | None = None
    certificate_file: str | None = None
    certificate_env: str | None = None
    certificate_key_file: str | None = None
    certificate_key_env: str | None = None
    passphrase_file: str | None = None
    passphrase_env: str | None = None
    topics: tuple[Topic, ...] = ()
    environment: ApnsEnvironment = ApnsEnvironment.PRODUCTION


class FcmEntry(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Google's service account."""

    service_account_file: str | None = None
    service_account_env: str | None = None


class AppEntry(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[apps.NAME]`. Whether it is held is no part of it: that is for the moment."""

    apns: ApnsEntry | None = None
    fcm: FcmEntry | None = None
    limits: LimitsEntry = LimitsEntry()


class WorkspaceEntry(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[workspaces.NAME]`. Without `suspended` it stays what it is; without a secret it gets one when it is added."""

    apps: tuple[str, ...] = ()
    secret_file: str | None = None
    secret_env: str | None = None
    unique_id: str = ""
    allow_from: tuple[Network, ...] = ()
    content: Content = Content.FULL
    fixed_text: str = FIXED_TEXT
    forward: bool = False
    suspended: bool | None = None
    limits: LimitsEntry = LimitsEntry()
    rules: RulesEntry = RulesEntry()


class _Tables(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    apps: dict[str, Any] = {}
    workspaces: dict[str, Any] = {}


class Declaration(msgspec.Struct, frozen=True):
    """What the file says, by name, and the file itself, in which every place has its line."""

    file: TomlFile
    folder: Path
    apps: dict[str, AppEntry]
    workspaces: dict[str, WorkspaceEntry]


def load_declaration(path: Path) -> Declaration:
    """Read the file; what it refers to is not looked at.

    Raises:
        SettingsError: it cannot be read, a key is unknown or a value of the wrong type; the message names the place.
    """
    file = TomlFile(path, "the declaration")
    tables = file.read(_Tables)
    return Declaration(
        file,
        path.parent,
        {name: file.read(AppEntry, "apps", name) for name in tables.apps},
        {name: file.read(WorkspaceEntry, "workspaces", name) for name in tables.workspaces},
    )
