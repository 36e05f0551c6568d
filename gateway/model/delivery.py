"""The delivery log: what became of every push, kept for some days and free of anything private."""

import msgspec

DEVICE_DIGITS = 12
"""How much of a device's keyed hash is shown: enough to follow one device, useless for anything else."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One push's final outcome, as the log keeps it.

    `id` is the push's own, `at` the UNIX time of the answer in seconds, `device` the keyed hash of the device token
    (None where the request could not be read), `attempts` how often a provider was asked, `ms` the milliseconds until
    the answer. `provider_status`, `provider_words` and `provider_id` are of the verdict that stood. The gateway's
    words are plain text here, for a log is also read by the versions before and after the one that wrote it. `key` is
    the keyed hash by which a repetition of the push is known.
    """

    id: str
    at: float
    workspace: str
    app: str | None
    platform: str
    kind: str | None
    device: str | None
    outcome: str
    reason: str
    provider_status: int | None
    provider_words: str
    provider_id: str
    attempts: int
    ms: float
    key: str | None = None


class DeliveryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries are wanted; None takes all.

    `device` is the keyed hash or its first digits; `since` (the first) and `until` (no longer) are UNIX seconds.
    """

    workspace: str | None = None
    app: str | None = None
    outcome: str | None = None
    reason: str | None = None
    device: str | None = None
    since: float | None = None
    until: float | None = None
    oldest_first: bool = False

    @property
    def words(self) -> dict[str, str]:
        """Return what must be the same, by the field of a delivery."""
        wanted = {"workspace": self.workspace, "app": self.app, "outcome": self.outcome, "reason": self.reason}
        return {field: word for field, word in wanted.items() if word is not None}

    @property
    def devices(self) -> tuple[str, str] | None:
        """Return the range of hashes, the end not in it, that begin with the digits wanted."""
        return None if self.device is None else (self.device, f"{self.device}g")
