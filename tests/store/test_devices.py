"""The device registry on every adapter."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import reduce

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.model.device import Device, DeviceQuery, after
from gateway.model.errors import StoreError
from gateway.model.secret import Secret
from gateway.store.port import Store
from tests.sightings import death, known, sighting, stale, success
from tests.store.conftest import OpenStore

A, B, C = "a" * 64, "b" * 64, "c" * 64


async def test_sightings_are_merged_in_their_order_into_their_devices(store: Store) -> None:
    told = [success(1.0, A), sighting(2.0, B), death(3.0, A), stale(4.0, B), sighting(5.0, A, workspaces=("example",))]
    await store.devices.sight(told)
    assert await store.devices.get(A) == reduce(after, [told[0], told[2], told[4]], None)
    assert await store.devices.get(B) == reduce(after, [told[1], told[3]], None)
    assert await store.devices.get(C) is None


async def test_what_is_known_grows_with_every_batch(store: Store) -> None:
    batches = [[success(1.0)], [sighting(2.0), stale(3.0)], [death(4.0)], [sighting(5.0, workspaces=("example",))]]
    for batch in batches:
        await store.devices.sight(batch)
    (device,) = await store.devices.find(DeviceQuery(), None, 9)
    assert device == reduce(after, [one for batch in batches for one in batch], None)
    assert (device.known_since, device.workspaces) == (5.0, ("acme", "example"))


async def test_a_batch_that_comes_twice_changes_nothing(store: Store) -> None:
    batch = [stale(1.0), success(2.0, B), stale(2.0), death(3.0, B)]
    await store.devices.sight(batch)
    before = await store.devices.find(DeviceQuery(), None, 9)
    await store.devices.sight(batch)
    assert await store.devices.find(DeviceQuery(), None, 9) == before
    assert [device.stale_count for device in before] == [0, 2]


async def test_gateways_that_see_the_same_devices_at_the_same_moment_lose_nothing(open_store: OpenStore) -> None:
    stores = [await open_store() for _ in range(4)]
    ids = [f"{number:064x}" for number in range(20)]

    async def see(number: int) -> None:
        for turn in range(5):
            told = [sighting(float(turn), device, workspaces=(f"{number}-{turn % 2}",)) for device in ids]
            await stores[number].devices.sight(told)

    await asyncio.gather(*map(see, range(4)))
    devices = await stores[0].devices.find(DeviceQuery(), None, 99)
    assert {device.id for device in devices} == set(ids)
    assert {frozenset(device.workspaces) for device in devices} == {
        frozenset(f"{number}-{turn}" for number in range(4) for turn in range(2))
    }


REGISTRY = [
    known("ab12" + "0" * 60, last_seen=1.0, app="chat", workspaces=("acme",), dead_since=0.0),
    known("ab13" + "0" * 60, last_seen=2.0, app="chat", workspaces=("example", "acme"), platform="gcm"),
    known("ac12" + "f" * 60, last_seen=3.0, app="beta", workspaces=("example",)),
    known("ad12" + "f" * 60, last_seen=3.0, workspaces=('["acme"]',), dead_since=2.0),
]


@pytest.mark.parametrize("limit", [1, 9])
@pytest.mark.parametrize(
    ("wanted", "digits"),
    [
        (DeviceQuery(), ["ad12", "ac12", "ab13", "ab12"]),
        (DeviceQuery(device="ab1"), ["ab13", "ab12"]),
        (DeviceQuery(device="ab12" + "0" * 60), ["ab12"]),
        (DeviceQuery(device="b"), []),
        (DeviceQuery(workspace="acme"), ["ab13", "ab12"]),
        (DeviceQuery(workspace="example"), ["ac12", "ab13"]),
        (DeviceQuery(app="chat"), ["ab13", "ab12"]),
        (DeviceQuery(platform="gcm"), ["ab13"]),
        (DeviceQuery(is_dead=True), ["ad12", "ab12"]),
        (DeviceQuery(is_dead=False), ["ac12", "ab13"]),
        (DeviceQuery(workspace="acme", app="chat", is_dead=True), ["ab12"]),
    ],
)
async def test_of_the_registry_comes_what_is_wanted_page_by_page(
    store: Store, wanted: DeviceQuery, digits: list[str], limit: int
) -> None:
    await store.add(REGISTRY)
    found: list[Device] = []
    while page := await store.devices.find(wanted, found[-1] if found else None, limit):
        assert len(page) <= limit
        found += page
    assert [device.id[:4] for device in found] == digits


async def test_what_is_forgotten_is_gone_until_it_is_seen_again(store: Store) -> None:
    await store.devices.sight([success(1.0, A), success(1.0, B)])
    assert await store.devices.forget(A) is True
    assert await store.devices.forget(A) is False
    assert [device.id for device in await store.devices.find(DeviceQuery(), None, 9)] == [B]
    await store.devices.sight([sighting(5.0, A)])
    assert await store.devices.get(A) == after(None, sighting(5.0, A))


async def test_those_not_seen_for_longest_are_removed_first_and_no_more_than_allowed(store: Store) -> None:
    await store.add(REGISTRY)
    assert await store.devices.remove(3.0, 1) == 1
    assert [device.last_seen for device in await store.devices.find(DeviceQuery(), None, 9)] == [3.0, 3.0, 2.0]
    assert await store.devices.remove(3.0, 9) == 1
    assert await store.devices.remove(3.0, 9) == 0


_TIMES = st.none() | st.floats(0, 2e9)
_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_DEVICES = st.builds(
    Device,
    id=st.just(A),
    token=_NAMES.map(Secret),
    platform=st.sampled_from(["apn", "gcm"]),
    app=st.none() | _NAMES,
    environment=st.sampled_from([None, "production", "sandbox"]),
    workspaces=st.lists(_NAMES, max_size=3).map(tuple),
    first_seen=st.floats(0, 2e9),
    known_since=st.floats(0, 2e9),
    last_seen=st.floats(0, 2e9),
    last_success=_TIMES,
    dead_since=_TIMES,
    dead_reason=st.none() | _NAMES,
    refused_at=_TIMES,
    stale_since=_TIMES,
    stale_count=st.integers(0, 1000),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(device=_DEVICES)
async def test_every_field_of_a_device_comes_back_as_it_was(store: Store, device: Device) -> None:
    await store.devices.forget(A)
    await store.add([device])
    assert await store.devices.get(A) == device
    assert await store.page(Device, None, 9) == [device]


async def test_a_device_that_is_there_stays_and_those_with_it_are_added(store: Store) -> None:
    await store.add([known(A, app="chat")])
    await store.add([known(A, app="beta"), known(B)])
    assert await store.page(Device, None, 9) == [known(A, app="chat"), known(B)]


async def test_devices_leave_the_revision_alone(store: Store) -> None:
    before = await store.revision()
    await store.devices.sight([success(1.0, A), success(1.0, B)])
    await store.devices.forget(A)
    await store.devices.remove(9.0, 9)
    assert await store.revision() == before


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.devices.sight([success(1.0)]),
        lambda store: store.devices.get(A),
        lambda store: store.devices.find(DeviceQuery(), None, 1),
        lambda store: store.devices.forget(A),
        lambda store: store.devices.remove(1.0, 1),
    ],
    ids=["sight", "get", "find", "forget", "remove"],
)
async def test_a_closed_store_says_so(store: Store, use: Callable[[Store], Awaitable[object]]) -> None:
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await use(store)
