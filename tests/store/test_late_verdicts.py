"""What every adapter keeps of verdicts that were not answered yet, and of keys in the delivery log."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.model.errors import StoreError
from gateway.store.port import Store
from tests.store.conftest import OpenStore
from tests.store.log import delivered
from tests.store.owed import late


async def test_late_verdicts_come_back_as_they_were_in_the_order_of_time(store: Store) -> None:
    verdicts = [late("c", at=1.0, since=None), late("b", at=2.0), late("a", at=2.0), late("d", at=3.0, workspace="b")]
    await store.late_verdicts.put(verdicts[::-1])
    a_b = [verdicts[2], verdicts[1]]
    assert await store.late_verdicts.since(0.0, 9) == [verdicts[0], *a_b, verdicts[3]]
    assert await store.late_verdicts.since(2.0, 9) == [*a_b, verdicts[3]]
    assert await store.late_verdicts.since(2.0, 2) == a_b
    assert await store.late_verdicts.since(3.5, 9) == []


async def test_a_late_verdict_takes_the_place_of_the_one_before_on_the_same_workspace_and_device(store: Store) -> None:
    other = late("a", workspace="other")
    await store.late_verdicts.put([late("a"), other])
    newer = late("a", at=2000.0, since=None, reason="fcm_unregistered")
    await store.late_verdicts.put([newer])
    assert await store.late_verdicts.since(0.0, 9) == [other, newer]


async def test_nothing_to_put_is_no_error(store: Store) -> None:
    await store.late_verdicts.put([])
    assert await store.late_verdicts.since(0.0, 9) == []


async def test_of_several_takers_of_a_late_verdict_one_gets_it(open_store: OpenStore) -> None:
    stores = [await open_store() for _ in range(4)]
    await stores[0].late_verdicts.put([late(device) for device in "abcde"])
    for device in "abcde":
        takers = (store.late_verdicts.take("acme", device) for store in stores)
        assert sorted(await asyncio.gather(*takers)) == [False, False, False, True]
    assert await stores[0].late_verdicts.since(0.0, 9) == []


async def test_only_the_verdict_of_the_workspace_and_device_is_taken(store: Store) -> None:
    others = [late("a", workspace="other", at=1.0), late("b", at=2.0)]
    await store.late_verdicts.put([late("a"), *others])
    assert await store.late_verdicts.take("acme", "a")
    assert not await store.late_verdicts.take("acme", "c")
    assert await store.late_verdicts.since(0.0, 9) == others


async def test_the_oldest_late_verdicts_are_removed_first_and_no_more_than_allowed(store: Store) -> None:
    await store.late_verdicts.put([late(device, at=at) for device, at in (("a", 3.0), ("b", 1.0), ("c", 2.0))])
    assert await store.late_verdicts.remove(3.0, 1) == 1
    assert [one.device for one in await store.late_verdicts.since(0.0, 9)] == ["c", "a"]
    assert await store.late_verdicts.remove(3.0, 9) == 1
    assert await store.late_verdicts.remove(3.0, 9) == 0
    assert [one.device for one in await store.late_verdicts.since(0.0, 9)] == ["a"]


async def test_a_push_that_was_delivered_is_found_by_its_key(store: Store) -> None:
    await store.add(
        [
            delivered("1", key="a", at=10.0),
            delivered("2", key="b", at=20.0, outcome="later"),
            delivered("3", key=None, at=20.0),
            delivered("4", key="b", at=15.0),
        ]
    )
    assert await store.delivered("a", 10.0) == "1"
    assert await store.delivered("a", 10.1) is None
    assert await store.delivered("b", 10.0) == "4"
    assert await store.delivered("b", 16.0) is None
    assert await store.delivered("c", 0.0) is None


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.late_verdicts.put([late("a")]),
        lambda store: store.late_verdicts.since(0.0, 1),
        lambda store: store.late_verdicts.take("acme", "a"),
        lambda store: store.late_verdicts.remove(1.0, 1),
        lambda store: store.delivered("a", 0.0),
    ],
    ids=["put", "since", "take", "remove", "delivered"],
)
async def test_the_late_verdicts_of_a_closed_store_say_so(
    store: Store, use: Callable[[Store], Awaitable[object]]
) -> None:
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await use(store)
