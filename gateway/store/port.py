"""The port to the store; the same contract tests run against every adapter."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from gateway.model.app import App
from gateway.model.delivery import Delivery, DeliveryQuery
from gateway.model.device import Device
from gateway.model.notice import Notice
from gateway.model.outbox import LateVerdict, OutboxItem
from gateway.model.usage import Usage
from gateway.model.workspace import Workspace
from gateway.store.device_port import DeviceStore
from gateway.store.heartbeat_port import HeartbeatStore
from gateway.store.notice_port import NoticeStore
from gateway.store.outbox_port import LateVerdictStore, OutboxStore
from gateway.store.sealed_port import SealedStore
from gateway.store.usage_port import UsageStore


class Proof(msgspec.Struct, frozen=True):
    """Credentials, by fingerprint, that have delivered at `at` (UNIX seconds)."""

    fingerprint: str
    at: float


Record = App | Workspace | Proof | Delivery | OutboxItem | LateVerdict | Device | Notice | Usage
"""One thing that is kept."""
RecordT = TypeVar("RecordT", bound=Record)


class Contents(msgspec.Struct, frozen=True):
    """All that the gateway keeps in memory, as of one revision.

    `proven` holds the fingerprints of credentials that have delivered since they were last changed.
    """

    revision: int
    apps: tuple[App, ...]
    workspaces: tuple[Workspace, ...]
    proven: frozenset[str]


class Store(Protocol):
    """Apps and workspaces, and the delivery log. Every method raises StoreError when the store cannot be used.

    Every change of an app or workspace adds one to the revision, by which running gateways notice it.
    """

    @property
    def outbox(self) -> OutboxStore:
        """What is owed."""
        ...

    @property
    def late_verdicts(self) -> LateVerdictStore:
        """What was not answered yet."""
        ...

    @property
    def devices(self) -> DeviceStore:
        """What is known of devices."""
        ...

    @property
    def heartbeats(self) -> HeartbeatStore:
        """Who runs on this store."""
        ...

    @property
    def notices(self) -> NoticeStore:
        """What an operator should know."""
        ...

    @property
    def usage(self) -> UsageStore:
        """How much each workspace has sent."""
        ...

    @property
    def sealed(self) -> SealedStore:
        """What is encrypted, as it lies there."""
        ...

    async def revision(self) -> int:
        """Return the number of the last change."""
        ...

    async def load(self) -> Contents:
        """Read everything, as of one revision; what is not in it yet has a later one."""
        ...

    async def put_app(self, app: App) -> App:
        """Add an app of version 0, or replace the one with its id, whose version grows by one; return it so.

        Raises:
            Changed: the one in the store has another version.
            NameTaken: another app has the name.
        """
        ...

    async def remove_app(self, app_id: str) -> None:
        """Forget an app and its credentials; one that is not there is no error."""
        ...

    async def put_workspace(self, workspace: Workspace) -> Workspace:
        """Add a workspace of version 0, or replace the one with its id, whose version grows by one; return it so.

        Raises:
            Changed: the one in the store has another version.
            NameTaken: another workspace has the name.
        """
        ...

    async def remove_workspace(self, workspace_id: str) -> None:
        """Forget a workspace; one that is not there is no error."""
        ...

    async def add_proof(self, fingerprint: str, at: float) -> None:
        """Remember that these credentials have delivered at `at` (UNIX seconds). No change of the revision."""
        ...

    async def page(self, kind: type[RecordT], after: str | None, limit: int) -> list[RecordT]:
        """Read the first `limit` records of a kind by their keys, of those behind the key `after` (None: of all)."""
        ...

    async def add(self, records: Sequence[Record]) -> None:
        """Add records as they are, with their versions.

        A proof that is there takes the time given; a delivery, device, notice or usage that is there stays, so that a
        batch of unknown fate can be added again.

        Raises:
            Changed: one is there already; those before it may have been added.
            NameTaken: another one has its name; likewise.
        """
        ...

    async def deliveries(self, wanted: DeliveryQuery, after: Delivery | None, limit: int) -> list[Delivery]:
        """Read the delivery log, newest first unless the query says otherwise; of the same moment, by the id.

        Args:
            wanted: which.
            after: the last one of the page before; None for the first page.
            limit: how many at most.
        """
        ...

    async def remove_deliveries(self, before: float, limit: int) -> int:
        """Forget the oldest deliveries, `limit` at most, of those before `before` (UNIX seconds); return how many."""
        ...

    async def delivered(self, key: str, since: float) -> str | None:
        """Return the id of a push with this key that was delivered at `since` (UNIX seconds) or later, by the log."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of the store."""
        ...


def key_of(record: Record) -> str:
    """Return what a record is found by among those of its kind."""
    return record.fingerprint if isinstance(record, Proof) else record.id
