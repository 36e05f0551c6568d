"""Settings: one TOML file, environment variables on top, defaults below."""

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
    "DeliverySettings",
    "EncryptionSettings",
    "ForwardingSettings",
    "GuardSettings",
    "LimitsSettings",
    "ProvidersSettings",
    "ServerSettings",
    "Settings",
    "StoreSettings",
    "load_settings",
    "settings_from_json",
    "settings_to_json",
]
