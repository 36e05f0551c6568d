"""Counts of pushes, on every adapter."""

import asyncio

from gateway.model.usage import Usage
from gateway.store.port import Store
from tests.store.conftest import OpenStore
from tests.store.used import used


async def test_counts_are_added_to_what_is_there(store: Store, open_store: OpenStore) -> None:
    other = await open_store()
    await store.usage.count([used("acme", 3), used("b", 1), used("acme", 2, outcome="token_dead", app="")])
    await other.usage.count([used("acme", 4), used("acme", 1, month="2026-12")])
    found = await other.usage.month("2026-11")
    assert found == [used("acme", 2, outcome="token_dead", app=""), used("acme", 7), used("b", 1)]
    assert await store.usage.month("2026-12") == [used("acme", 1, month="2026-12")]
    assert await store.usage.month("2026-10") == []


async def test_nothing_is_lost_when_several_count_at_once(store: Store, open_store: OpenStore) -> None:
    gateways = [store, await open_store(), await open_store()]
    await asyncio.gather(*(gateways[n % 3].usage.count([used("acme", n), used("b", 1)]) for n in range(20)))
    assert await store.usage.month("2026-11") == [used("acme", sum(range(20))), used("b", 20)]


async def test_no_counts_are_no_error(store: Store) -> None:
    await store.usage.count([])
    assert await store.usage.month("2026-11") == []


async def test_a_count_that_is_there_stays_when_it_is_added_again(store: Store) -> None:
    await store.add([used("acme", 3)])
    await store.add([used("acme", 3), used("b", 1)])
    assert await store.page(Usage, None, 9) == [used("acme", 3), used("b", 1)]
    assert await store.page(Usage, used("acme", 3).id, 9) == [used("b", 1)]
