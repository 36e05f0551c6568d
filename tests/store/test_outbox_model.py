"""Random histories of the outbox, told to every adapter and to a few lines that do the same in memory."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from gateway.model.outbox import Claim, Lane, OutboxItem, Postponement
from gateway.store.port import Store
from tests.store.owed import APPLE, GOOGLE, owed

OWNERS = st.sampled_from(["one", "other"])
KEYS = st.sampled_from("abcdefgh")
ITEMS = st.builds(
    owed,
    KEYS,
    workspace=st.sampled_from(["acme", "example"]),
    lane=st.sampled_from([APPLE, GOOGLE]),
    line=st.sampled_from(["line 1", "line 2", "line 3"]),
    received_at=st.sampled_from([1.0, 2.0, 3.0]),
    due_at=st.sampled_from([0.0, 5.0, 50.0]),
    expires_at=st.sampled_from([20.0, 200.0]),
    owner=st.none() | OWNERS,
    leased_until=st.sampled_from([0.0, 10.0]),
)
POSTPONEMENTS = st.builds(
    Postponement,
    id=KEYS,
    due_at=st.sampled_from([0.0, 15.0, 70.0]),
    attempts=st.integers(1, 9),
    reason=st.sampled_from(["fcm_quota", "apns_timeout"]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(ITEMS, min_size=1, max_size=5)),
        st.tuples(st.just("claim"), OWNERS, st.integers(1, 4), st.sets(st.sampled_from([APPLE, GOOGLE]), max_size=1)),
        st.tuples(st.just("claim_expired"), OWNERS, st.integers(1, 4)),
        st.tuples(st.just("renew"), OWNERS, st.sets(KEYS)),
        st.tuples(st.just("postpone"), OWNERS, st.lists(POSTPONEMENTS, max_size=3)),
        st.tuples(st.just("finish"), st.sets(KEYS, max_size=3)),
        st.tuples(st.just("wait"), st.sampled_from([1.0, 6.0, 30.0])),
    ),
    max_size=20,
)


class Memory:
    """An outbox of which one can see that it is right."""

    def __init__(self) -> None:
        self.now = 4.0
        self.items: dict[str, OutboxItem] = {}

    def takable(self, closed: set[Lane]) -> set[str]:
        """Return what a claim may take; of every line one."""
        firsts: dict[str, OutboxItem] = {}
        for item in sorted(self.items.values(), key=lambda item: (item.received_at, item.id)):
            firsts.setdefault(item.line, item)
        due = (item for item in firsts.values() if max(item.due_at, item.leased_until) <= self.now)
        return {item.id for item in due if item.lane not in closed}

    def expired(self) -> set[str]:
        return {item.id for item in self.items.values() if item.expires_at <= self.now >= item.leased_until}

    def change(self, key: str, **fields: Any) -> None:
        self.items[key] = structs.replace(self.items[key], **fields)

    def own(self, owner: str, key: str) -> bool:
        return key in self.items and self.items[key].owner == owner


class Both:
    """Does everything twice; what a claim takes is the store's choice among what may be taken."""

    def __init__(self, store: Store) -> None:
        self._outbox = store.outbox
        self.memory = Memory()

    async def put(self, items: list[OutboxItem]) -> None:
        for item in items:
            self.memory.items.setdefault(item.id, item)
        await self._outbox.put(items)

    async def claim(self, owner: str, limit: int, closed: set[Lane]) -> None:
        claim = self._claim(owner, limit, closed)
        self._check(claim, await self._outbox.claim(claim), self.memory.takable(closed))

    async def claim_expired(self, owner: str, limit: int) -> None:
        claim = self._claim(owner, limit, set())
        self._check(claim, await self._outbox.claim_expired(claim), self.memory.expired())

    def _claim(self, owner: str, limit: int, closed: set[Lane]) -> Claim:
        now = self.memory.now
        return Claim(owner=owner, now=now, until=now + 7.0, limit=limit, closed=frozenset(closed))

    def _check(self, claim: Claim, found: list[OutboxItem], may: set[str]) -> None:
        keys = [item.id for item in found]
        assert len(keys) == len(set(keys)) == min(claim.limit, len(may))
        assert set(keys) <= may
        assert found == sorted(found, key=lambda item: (item.received_at, item.id))
        for item in found:
            self.memory.change(item.id, owner=claim.owner, leased_until=claim.until)
            assert item == self.memory.items[item.id]

    async def renew(self, owner: str, keys: set[str]) -> None:
        until = self.memory.now + 9.0
        for key in keys:
            if self.memory.own(owner, key):
                self.memory.change(key, leased_until=max(until, self.memory.items[key].leased_until))
        await self._outbox.renew(owner, keys, until)

    async def postpone(self, owner: str, postponements: list[Postponement]) -> None:
        for one in postponements:
            if self.memory.own(owner, one.id):
                free = {"owner": None, "leased_until": 0.0}
                self.memory.change(one.id, due_at=one.due_at, attempts=one.attempts, reason=one.reason, **free)
        await self._outbox.postpone(owner, postponements)

    async def finish(self, keys: set[str]) -> None:
        for key in keys:
            self.memory.items.pop(key, None)
        await self._outbox.finish(keys)

    async def wait(self, seconds: float) -> None:
        self.memory.now += seconds


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_every_adapter_does_what_the_memory_does(store: Store, steps: list[tuple[Any, ...]]) -> None:
    await store.outbox.finish([item.id for item in await store.page(OutboxItem, None, 99)])  # the history before
    both = Both(store)
    for name, *values in steps:
        act: Callable[..., Any] = getattr(both, name)
        await act(*values)
        kept = await store.page(OutboxItem, None, 99)
        assert {item.id: item for item in kept} == both.memory.items
        assert await store.outbox.lines(["line 1", "line 2", "line 3"]) == {item.line for item in kept}
        assert (await store.outbox.count()).total == len(kept)
