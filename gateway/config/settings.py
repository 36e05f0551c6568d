"""Settings: every one with its type and default."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.model.address import HostPort, Network
from gateway.model.limits import Limits
from gateway.model.secret import Secret
from gateway.model.store_url import StoreUrl

Seconds = Annotated[float, Meta(ge=0, le=3600)]
OptionalWebUrl = Annotated[
    str, Meta(pattern="^$|^https?://[^/]+", description="a URL such as https://push.example.com")
]
TlsUrl = Annotated[str, Meta(pattern="^https://[^/]+", description="a URL that begins with https://")]
OptionalTlsUrl = Annotated[str, Meta(pattern="^$|^https://[^/]+", description="a URL that begins with https://")]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the settings file."""


class ServerSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The two doors, and how they close."""

    listen: HostPort = HostPort("0.0.0.0", 8080)  # noqa: S104 - the public door is meant for the servers outside
    operator_listen: HostPort = HostPort("127.0.0.1", 8081)
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    public_url: OptionalWebUrl = ""
    trusted_proxies: tuple[Network, ...] = ()
    drain_delay: Seconds = 5.0
    drain_timeout: Seconds = 20.0


class StoreSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where everything is kept; the delivery log, and devices that are not seen any more, for how many days."""

    url: StoreUrl = StoreUrl("sqlite:///data/gateway.db")
    delivery_retention: Annotated[float, Meta(gt=0, le=3650)] = 7.0
    device_retention: Annotated[float, Meta(gt=0, le=3650)] = 270.0


class EncryptionSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of what is kept; empty for an embedded store means key files of its own beside it."""

    keys: tuple[Secret, ...] = ()
    lookup_key: Secret = Secret("")


class ProvidersSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Apple and Google are, how they are reached, whom to trust for them, and how long to wait."""

    apns_production_url: TlsUrl = "https://api.push.apple.com"
    apns_sandbox_url: TlsUrl = "https://api.sandbox.push.apple.com"
    fcm_url: TlsUrl = "https://fcm.googleapis.com"
    fcm_token_url: OptionalTlsUrl = ""
    ca_file: str = ""
    proxy: Secret = Secret("")
    no_proxy: tuple[str, ...] = ()
    timeout: Annotated[float, Meta(gt=0, le=15)] = 10.0
    canary_every: Seconds = 300.0


class DeliverySettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a server waits for an answer, and what may be kept to be sent later."""

    answer_within: Annotated[float, Meta(gt=0, le=15)] = 0.5
    outbox_max: Annotated[int, Meta(ge=0)] = 100_000
    outbox_max_per_workspace: Annotated[int, Meta(ge=0)] = 25_000
    fcm_repeat_unanswered: bool = True


class LimitsSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one workspace, one app or one source address may take; 0 is no limit.

    Rates are pushes a second. A burst of 0 is ten seconds' worth of the rate.
    """

    workspace_rate: Annotated[float, Meta(ge=0)] = 0.0
    workspace_burst: Annotated[int, Meta(ge=0)] = 0
    workspace_per_month: Annotated[int, Meta(ge=0)] = 0
    workspace_in_flight: Annotated[int, Meta(ge=0)] = 200
    app_rate: Annotated[float, Meta(ge=0)] = 0.0
    app_burst: Annotated[int, Meta(ge=0)] = 0
    app_per_month: Annotated[int, Meta(ge=0)] = 0
    app_in_flight: Annotated[int, Meta(ge=0)] = 1000
    failed_authentications: Annotated[int, Meta(ge=0)] = 30

    @property
    def of_workspaces(self) -> Limits:
        """What every workspace may take that has no limits of its own."""
        return Limits(
            rate=self.workspace_rate,
            burst=self.workspace_burst,
            per_month=self.workspace_per_month,
            in_flight=self.workspace_in_flight,
        )

    @property
    def of_apps(self) -> Limits:
        """What every app may take that has no limits of its own."""
        return Limits(
            rate=self.app_rate, burst=self.app_burst, per_month=self.app_per_month, in_flight=self.app_in_flight
        )


class GuardSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When verdicts on many tokens are taken for a fault of ours, and what is done with the pushes then."""

    minutes: Annotated[float, Meta(gt=0, le=1440)] = 10.0
    tokens: Annotated[int, Meta(ge=1)] = 20
    share: Annotated[float, Meta(gt=0, le=1)] = 0.5
    unregistered_tokens: Annotated[int, Meta(ge=1)] = 100
    unregistered_share: Annotated[float, Meta(gt=0, le=1)] = 0.5
    hold: bool = False


class ForwardingSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the pushes of the official app go, of the workspaces that are allowed to forward."""

    url: TlsUrl = "https://gateway.rocket.chat"
    topics: tuple[str, ...] = ("chat.rocket.ios",)
    timeout: Annotated[float, Meta(gt=0, le=15)] = 10.0


class AlarmsSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to tell of what an operator should know at once; URLs of chats hold a secret of their own."""

    webhook_url: Secret = Secret("")
    webhook_secret: Secret = Secret("")


class LoggingSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Settings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting of the gateway."""

    server: ServerSettings = ServerSettings()
    store: StoreSettings = StoreSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    providers: ProvidersSettings = ProvidersSettings()
    delivery: DeliverySettings = DeliverySettings()
    limits: LimitsSettings = LimitsSettings()
    guard: GuardSettings = GuardSettings()
    forwarding: ForwardingSettings = ForwardingSettings()
    alarms: AlarmsSettings = AlarmsSettings()
    logging: LoggingSettings = LoggingSettings()
