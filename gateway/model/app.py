"""Apps and the credentials that Apple and Google know them by."""

from enum import StrEnum

import msgspec

from gateway.model.limits import Limits

OFFICIAL_GATEWAY = "(official gateway)"
"""Stands in the place of an app's name where a push was forwarded; no app can be called so."""


class ApnsEnvironment(StrEnum):
    """Which of Apple's hosts an app's devices registered with."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    AUTO = "auto"
    """Production first; the other host on BadDeviceToken."""


class ApnsCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """Either a provider token key (`key`, `key_id`, `team_id`) or a `certificate` with its key, all PEM text.

    `fingerprint` changes with any change; `expires_at` is the certificate's end (UNIX seconds).
    """

    topics: tuple[str, ...]
    environment: ApnsEnvironment = ApnsEnvironment.PRODUCTION
    key: str = ""
    key_id: str = ""
    team_id: str = ""
    certificate: str = ""
    certificate_key: str = ""
    expires_at: float | None = None
    fingerprint: str = ""

    def __repr__(self) -> str:
        return f"ApnsCredentials(topics={self.topics!r}, environment={self.environment.value!r}, key=***)"


class FcmCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """A Firebase service account; `service_account` is the JSON text Google hands out."""

    project_id: str
    client_email: str
    service_account: str
    fingerprint: str = ""

    def __repr__(self) -> str:
        return f"FcmCredentials(project_id={self.project_id!r}, service_account=***)"


class App(msgspec.Struct, frozen=True, kw_only=True):
    """One mobile app, on one or both platforms.

    While it is `held`, pushes to it are stored. `version` counts its changes in the store.
    """

    id: str
    name: str
    apns: ApnsCredentials | None = None
    fcm: FcmCredentials | None = None
    held: bool = False
    limits: Limits = Limits()
    created_at: float = 0.0
    version: int = 0
