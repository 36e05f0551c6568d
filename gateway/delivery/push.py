"""One push on its way through the gateway, and what became of it."""

import msgspec

from gateway.delivery.devices import device_hash
from gateway.delivery.snapshot import Member
from gateway.model.notification import Kind, Notification
from gateway.model.outcome import Outcome
from gateway.model.secret import Secret
from gateway.model.verdict import Verdict
from gateway.store.crypto import Vault

_CALLS = (Kind.VOIP_RING, Kind.VOIP_SIGNAL)


class Push(msgspec.Struct, frozen=True):
    """A notification, on whose behalf it is sent, and the keyed hashes by which its device and itself are known again.

    `key` is None where nothing in the push tells a repetition from another push.
    """

    member: Member
    notification: Notification
    device: str
    key: str | None

    @property
    def is_ring(self) -> bool:
        """Tell whether a phone is to ring by it: it cannot wait, and its server never sends it again."""
        return self.notification.kind is Kind.VOIP_RING

    @property
    def line(self) -> str:
        """What it must not overtake others in; calls do not wait behind messages."""
        return f"{self.device}:call" if self.notification.kind in _CALLS else self.device


class Original(msgspec.Struct, frozen=True):
    """A push request as it came, with what it takes to forward it; it lives as long as the request.

    `bearer` is what the server showed for the official gateway, None where there is nothing that may go on.
    """

    body: bytes
    bearer: Secret | None

    def __repr__(self) -> str:
        return f"Original({len(self.body)} bytes)"


class Report(msgspec.Struct, frozen=True):
    """What became of a request: the push it held, the app it went through, what the provider said last.

    `attempts` counts how often a provider was asked, `environment` is which of Apple's two it was. A push is foreign
    where every Android app of its workspace was asked and none knew the token.
    """

    outcome: Outcome
    push: Push | None = None
    app: str | None = None
    verdict: Verdict | None = None
    attempts: int = 0
    environment: str | None = None
    is_foreign: bool = False


def identified(member: Member, notification: Notification, vault: Vault) -> Push:
    """Work out by what the device and the push are known again."""
    same = _identity(member.workspace.id, notification)
    return Push(
        member=member,
        notification=notification,
        device=device_hash(vault, notification.token),
        key=vault.lookup_hash("push", same) if same else None,
    )


def _identity(workspace_id: str, notification: Notification) -> str | None:
    """Join what is the same in a repetition, and together in nothing else: Rocket.Chat repeats the body to the byte.

    The admin's test push has no number of its own, and none is repeated.
    """
    payload = notification.payload
    facts = (payload.message_id, payload.call_id, payload.type) if payload else (None, None, None)
    own = (*facts[:2], notification.not_id)
    if notification.created_at is None or all(one is None for one in own):
        return None
    parts = (workspace_id, notification.platform, notification.topic, notification.token, notification.created_at)
    return "\0".join(map(str, (*parts, *own, facts[2], notification.kind)))
