"""Items of the outbox as every adapter keeps them, and whose turn it is.

A notification holds a device's token and what somebody wrote, so it is encrypted. All else is plain, to be searched:
where a token is meant, it is a keyed hash.
"""

import random
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from gateway.model.notification import Notification
from gateway.model.outbox import Lane, OutboxItem
from gateway.store import documents
from gateway.store.crypto import Vault
from gateway.store.documents import damaged

T = TypeVar("T")
OutboxItemT = TypeVar("OutboxItemT", bound=OutboxItem)
UNREADABLE_SECONDS = 3_600.0
"""How long an item that cannot be read is left alone before it is tried again."""


class Queue(NamedTuple):
    """The items of one workspace and one lane, which a claim takes in the order in which they are due."""

    workspace: str
    app: str
    provider: str

    @property
    def lane(self) -> Lane:
        """What may be closed."""
        return Lane(self.app, self.provider)


def flat(item: OutboxItem, vault: Vault) -> dict[str, Any]:
    """Return an item's fields as they are kept."""
    fields = msgspec.structs.asdict(item)
    lane: Lane = fields.pop("lane")
    sealed = vault.encrypt(msgspec.json.encode(item.notification))
    return fields | {"app": lane.app, "provider": lane.provider, "notification": sealed}


def item_of(fields: Mapping[str, Any], kind: type[OutboxItemT], vault: Vault) -> OutboxItemT:
    """Read what `flat` made.

    Raises:
        StoreError: it is damaged, or was written under other keys.
    """
    try:
        notification = msgspec.json.decode(vault.decrypt(fields["notification"]), type=Notification)
        lane = Lane(fields["app"], fields["provider"])
        return msgspec.convert({**fields, "lane": lane, "notification": notification}, kind)
    except (KeyError, TypeError, msgspec.DecodeError) as error:
        raise damaged(error) from None


def readable(rows: Iterable[Mapping[str, Any]], vault: Vault) -> tuple[list[OutboxItem], list[str]]:
    """Return items, oldest first, and the ids of those that cannot be read, which is logged."""
    by_id = ((fields["id"], fields) for fields in rows)
    items, lost = documents.readable(by_id, lambda fields: item_of(fields, OutboxItem, vault), "outbox_item_unreadable")
    return sorted(items, key=lambda item: (item.received_at, item.id)), lost


def shares(queues: Iterable[Queue], limit: int) -> dict[Queue, int]:
    """Share a limit out among workspaces that have something due, and each one's share among its lanes.

    What they do not need is left over, to be shared out again.
    """
    lanes: dict[str, list[Queue]] = {}
    for queue in queues:
        lanes.setdefault(queue.workspace, []).append(queue)
    return {
        queue: share
        for workspace, workspace_share in _evenly(lanes, limit).items()
        for queue, share in _evenly(lanes[workspace], workspace_share).items()
    }


def _evenly(claimants: Collection[T], limit: int) -> dict[T, int]:
    """Give each the same; where there are too many, chance says which get one, so that nobody is always last."""
    chosen = random.sample([*claimants], min(limit, len(claimants)))
    return {one: limit // len(chosen) for one in chosen}
