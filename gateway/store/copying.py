"""Everything of one store into another, whichever adapters they are.

Both are read in the order of keys, side by side. The other store must hold nothing but what this one holds, just as it
is there: an empty one does, and so does one that an interrupted copy has left. Then what is missing is added.
"""

from collections.abc import AsyncIterator, Callable

import msgspec

from gateway.model.app import App
from gateway.model.delivery import DEVICE_DIGITS, Delivery
from gateway.model.device import Device
from gateway.model.errors import StoreError
from gateway.model.notice import Notice
from gateway.model.outbox import LateVerdict, OutboxItem
from gateway.model.usage import Usage
from gateway.model.workspace import Workspace
from gateway.store.port import Proof, Record, RecordT, Store, key_of

KINDS: dict[str, type[Record]] = {
    "apps": App,
    "workspaces": Workspace,
    "proofs": Proof,
    "deliveries": Delivery,
    "outbox": OutboxItem,
    "late_verdicts": LateVerdict,
    "devices": Device,
    "notices": Notice,
    "usage": Usage,
}
"""What is copied, in this order: a workspace never comes before its apps."""
PAGE = 500


class Share(msgspec.Struct, frozen=True):
    """How many records of a kind are copied, and how many were there already."""

    copied: int
    present: int


Shares = dict[str, Share]


async def survey(source: Store, target: Store) -> Shares:
    """Count what there is to copy.

    Raises:
        StoreError: the target holds something else.
    """
    return {name: await _share(source, target, kind) for name, kind in KINDS.items()}


async def copy(source: Store, target: Store, advance: Callable[[int], None]) -> None:
    """Add what is missing, then compare everything.

    Args:
        source: is only read.
        target: has been surveyed.
        advance: is told how many records were added just now.

    Raises:
        StoreError: a store does not answer, or the source was changed meanwhile. The copy can be made again then, and
            goes on where it was.
    """
    for kind in KINDS.values():
        batch: list[Record] = []
        async for record, is_there in _side_by_side(source, target, kind):
            batch += () if is_there else (record,)
            if len(batch) == PAGE:
                await _add(target, batch, advance)
                batch = []
        await _add(target, batch, advance)
    missing = {name: (await _share(source, target, kind)).copied for name, kind in KINDS.items()}
    if any(missing.values()):
        raise StoreError("the original was changed during the copy; stop every gateway that uses it and copy again")


async def _add(target: Store, batch: list[Record], advance: Callable[[int], None]) -> None:
    if batch:
        await target.add(batch)
        advance(len(batch))


async def _share(source: Store, target: Store, kind: type[RecordT]) -> Share:
    copied = present = 0
    async for _, is_there in _side_by_side(source, target, kind):
        copied, present = copied + (not is_there), present + is_there
    return Share(copied, present)


async def _side_by_side(source: Store, target: Store, kind: type[RecordT]) -> AsyncIterator[tuple[RecordT, bool]]:
    """Read the source's records, each with whether the target has it.

    Raises:
        StoreError: the target has one that the source does not have, or another of the same key.
    """
    others = _all(target, kind)
    other = await anext(others, None)
    async for record in _all(source, kind):
        is_there = other is not None and key_of(other) == key_of(record)
        if other is not None and other != record and key_of(other) <= key_of(record):
            break
        yield record, is_there
        if is_there:
            other = await anext(others, None)
    if other is not None:
        raise StoreError(f"{_described(other)} is in the target and not so in the original; {_EMPTY_IT}")


_EMPTY_IT = "a copy goes into an empty store or goes on with one: name another, or empty this one"


async def _all(store: Store, kind: type[RecordT]) -> AsyncIterator[RecordT]:
    page = await store.page(kind, None, PAGE)
    while page:
        for record in page:
            yield record
        page = await store.page(kind, key_of(page[-1]), PAGE)


def _described(record: Record) -> str:
    if isinstance(record, Proof | Delivery):
        return f"a {type(record).__name__.lower()} of {record.at:.0f}"
    if isinstance(record, OutboxItem):
        return f"a push of {record.received_at:.0f} in the outbox"
    if isinstance(record, LateVerdict):
        return f"a late verdict of {record.at:.0f}"
    if isinstance(record, Device):
        return f"a device, {record.id[:DEVICE_DIGITS]}"
    if isinstance(record, Notice):
        return f"a notice of {record.at:.0f}, {record.kind}"
    if isinstance(record, Usage):
        return f"a count of {record.month}"
    return f"{type(record).__name__} {record.name!r}"
