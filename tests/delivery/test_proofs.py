"""The proof without which no token ends."""

from gateway.delivery.proofs import Proofs
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.conftest import Execute, OpenStore, Watched


async def test_a_success_is_known_at_once_and_written_behind(
    proofs: Proofs, store: SqliteStore, clock: ManualClock
) -> None:
    proofs.add("f1")
    assert proofs.has_any(["f0", "f1"])
    assert not proofs.has_any(["f0"])
    assert not proofs.has_any([])
    await proofs.flush()
    assert (await store.load()).proven == {"f1"}


async def test_a_thousand_successes_are_written_once(proofs: Proofs, watched: Watched) -> None:
    for _ in range(1000):
        proofs.add("f1")
    await proofs.flush()
    proofs.add("f1")
    await proofs.flush()
    assert watched.proofs_written == 1


async def test_what_one_gateway_proved_another_learns(
    proofs: Proofs, open_store: OpenStore, clock: ManualClock
) -> None:
    proofs.add("f1")
    await proofs.flush()
    store = await open_store()
    other = Proofs(store, clock)
    assert not other.has_any(["f1"])
    other.learn((await store.load()).proven)
    assert other.has_any(["f1"])


async def test_what_was_learned_is_not_written_again(proofs: Proofs, store: SqliteStore) -> None:
    proofs.learn({"f1"})
    proofs.add("f1")
    await proofs.flush()
    assert (await store.load()).proven == frozenset()


async def test_a_proof_that_the_store_could_not_take_is_written_with_the_next(
    proofs: Proofs, store: SqliteStore, execute: Execute
) -> None:
    await execute("ALTER TABLE proofs RENAME TO lost")
    proofs.add("f1")
    await proofs.flush()
    assert proofs.has_any(["f1"])
    await execute("ALTER TABLE lost RENAME TO proofs")
    assert (await store.load()).proven == frozenset()
    proofs.add("f1")
    await proofs.flush()
    assert (await store.load()).proven == {"f1"}
