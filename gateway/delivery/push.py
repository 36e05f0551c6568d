"""One push on its way through the gateway, and what became of it."""

import msgspec

from gateway.delivery.devices import device_hash
from gateway.delivery.snapshot import Member
from gateway.model.notification import Kind, Notification, Platform
from gateway.model.outcome import Outcome
from gateway.model.secret import Secret
from gateway.model.verdict import Verdict
from gateway.store.crypto import Vault

_CALLS = (Kind.VOIP_RING, Kind.VOIP_SIGNAL)


class Push(msgspec.Struct, frozen=True):
    """A notification, on whose behalf it is sent, and the keyed hashes by which its device and itself are known again.

    `key` is None where nothing in the push tells a repetition from another push. `line` names what it must not overtake
    others in.
    """

    member: Member
    notification: Notification
    device: str
    key: str | None
    line: str

    @property
    def is_ring(self) -> bool:
        """Tell whether a phone is to ring by it: it cannot wait, and its server never sends it again."""
        return self.notification.kind is Kind.VOIP_RING


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
    """Work out by what the device and the push are known again, from the push as it was received."""
    same = _identity(member.workspace.id, notification)
    device = device_hash(vault, notification.token)
    return Push(
        member=member,
        notification=notification,
        device=device,
        key=vault.lookup_hash("push", same) if same else None,
        line=_line(member.workspace.id, notification, device, vault),
    )


def _line(workspace_id: str, notification: Notification, device: str, vault: Vault) -> str:
    """Name the line of a push: its device's; calls do not wait behind messages.

    An iPhone has two tokens: a ring goes to the one, the end of the ring to the other. So there a call is one line.
    """
    if notification.kind not in _CALLS:
        return device
    call = notification.payload.call_id if notification.payload else None
    if notification.platform is Platform.GCM or call is None:
        return f"{device}:call"
    return vault.lookup_hash("call", "\0".join((workspace_id, notification.app_topic or "", call)))


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
