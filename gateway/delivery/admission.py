"""Who may send: a workspace is known by its secret, and then by address and uniqueId where it is pinned to them."""

from gateway.delivery.follower import Follower
from gateway.delivery.snapshot import Member
from gateway.delivery.strangers import Strangers
from gateway.model.address import IpAddress
from gateway.model.clock import Clock
from gateway.model.errors import StoreError
from gateway.model.notification import Notification
from gateway.model.outcome import Later, Outcome, Unauthorized
from gateway.model.reason import Reason
from gateway.model.workspace import Workspace
from gateway.store.crypto import Vault

SECRET_PURPOSE = "workspace-secret"  # noqa: S105 - what the hash is for, not a secret


class Admission:
    """Decides who is asking. The happy path touches nothing but memory."""

    def __init__(self, follower: Follower, vault: Vault, strangers: Strangers, clock: Clock) -> None:
        self._follower = follower
        self._vault = vault
        self._strangers = strangers
        self._clock = clock

    async def admit(self, secret: str | None, address: IpAddress | None) -> Member | Outcome:
        """Find the workspace that a secret and a source address belong to, or say why not.

        A 401 is final for a Rocket.Chat server, so an unknown secret is looked up in the store before it is said.
        """
        if self._follower.snapshot is None:
            return Later(Reason.STARTING, retry_after=5.0)
        if not secret:
            return self._stranger(Reason.SECRET_MISSING, address)
        try:
            member = await self._find(self._vault.lookup_hash(SECRET_PURPOSE, secret), address)
        except StoreError:
            return Later(Reason.STORE_UNAVAILABLE)
        if member is None:
            return self._stranger(Reason.WORKSPACE_UNKNOWN, address)
        return _bar(member, address) or member

    def _stranger(self, reason: Reason, address: IpAddress | None) -> Outcome:
        """Send a stranger away; one who comes too often is asked to come later, which costs a server nothing."""
        seconds = self._strangers.failed(address)
        return Later(Reason.FAILED_TOO_OFTEN, retry_after=seconds) if seconds else Unauthorized(reason)

    async def _find(self, secret_hash: str, address: IpAddress | None) -> Member | None:
        member = self._look_up(secret_hash)
        if member is None:
            await self._follower.look_again(secret_hash, patiently=self._strangers.are_many(address))
            member = self._look_up(secret_hash)
        return member

    def _look_up(self, secret_hash: str) -> Member | None:
        snapshot = self._follower.snapshot
        return snapshot.by_secret(secret_hash, self._clock.now()) if snapshot else None


def _bar(member: Member, address: IpAddress | None) -> Unauthorized | None:
    if member.workspace.suspended:
        return Unauthorized(Reason.WORKSPACE_SUSPENDED)
    if member.networks and not any(address is not None and address in network for network in member.networks):
        return Unauthorized(Reason.ADDRESS_NOT_ALLOWED)
    return None


def pinned_elsewhere(workspace: Workspace, notification: Notification) -> Unauthorized | None:
    """Refuse a push whose uniqueId is not the one its workspace is pinned to."""
    if workspace.unique_id is None or workspace.unique_id == notification.unique_id:
        return None
    return Unauthorized(Reason.UNIQUE_ID_MISMATCH)
