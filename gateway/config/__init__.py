"""Settings: one TOML file, environment variables on top, defaults below. And the file in which all else is declared."""

from gateway.config.declaration import (
    ApnsEntry,
    AppEntry,
    Declaration,
    FcmEntry,
    WorkspaceEntry,
    load_declaration,
)
from gateway.config.reading import load_settings, settings_from_json, settings_to_json
from gateway.config.settings import (
    AlarmsSettings,
    DeliverySettings,
    EncryptionSettings,
    ForwardingSettings,
    GuardSettings,
    LimitsSettings,
    ProvidersSettings,
    ServerSettings,
    Settings,
    StoreSettings,
)

__all__ = [
    "AlarmsSettings",
    "ApnsEntry",
    "AppEntry",
    "Declaration",
    "DeliverySettings",
    "EncryptionSettings",
    "FcmEntry",
    "ForwardingSettings",
    "GuardSettings",
    "LimitsSettings",
    "ProvidersSettings",
    "ServerSettings",
    "Settings",
    "StoreSettings",
    "WorkspaceEntry",
    "load_declaration",
    "load_settings",
    "settings_from_json",
    "settings_to_json",
]
