"""What a verdict makes of a push, and the proof without which no token ends."""

import pytest

from gateway.delivery.guard import Proofs, judge
from gateway.model.outcome import Delivered, Later, Outcome, Rejected, TokenDead
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.conftest import Execute, OpenStore, Watched

ACCEPTED, DEAD, SUSPECT, FOREIGN, REFUSED, CREDENTIALS, LATER = VerdictKind


@pytest.mark.parametrize("proven", [True, False])
@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (Verdict(ACCEPTED, Reason.DELIVERED, 200, provider_id="name"), Delivered(provider_id="name")),
        (Verdict(DEAD, Reason.APNS_UNREGISTERED, 410, since=7.5), TokenDead(Reason.APNS_UNREGISTERED, since=7.5)),
        (Verdict(DEAD, Reason.FCM_UNREGISTERED, 404), TokenDead(Reason.FCM_UNREGISTERED)),
        (Verdict(FOREIGN, Reason.FCM_SENDER_ID_MISMATCH, 403), Rejected(Reason.FCM_SENDER_ID_MISMATCH)),
        (Verdict(REFUSED, Reason.APNS_BAD_TOPIC, 400), Rejected(Reason.APNS_BAD_TOPIC)),
        (
            Verdict(CREDENTIALS, Reason.APNS_INVALID_PROVIDER_TOKEN, 403),
            Later(Reason.APNS_INVALID_PROVIDER_TOKEN),
        ),
        (Verdict(LATER, Reason.FCM_UNAVAILABLE, 503, retry_after=9.0), Later(Reason.FCM_UNAVAILABLE, retry_after=9.0)),
        (Verdict(LATER, Reason.APNS_UNREACHABLE, words="connect_failed"), Later(Reason.APNS_UNREACHABLE)),
    ],
    ids=lambda value: value.reason.value if isinstance(value, Verdict) else "",
)
def test_a_verdict_becomes_an_outcome(verdict: Verdict, outcome: Outcome, proven: bool) -> None:
    assert judge(verdict, proven) == outcome


@pytest.mark.parametrize(
    ("reason", "unproven"),
    [
        (Reason.APNS_BAD_DEVICE_TOKEN, Reason.APNS_BAD_DEVICE_TOKEN_UNPROVEN),
        (Reason.FCM_INVALID_TOKEN, Reason.FCM_INVALID_TOKEN_UNPROVEN),
    ],
)
def test_what_is_no_token_is_dead_only_to_credentials_that_have_delivered(reason: Reason, unproven: Reason) -> None:
    assert judge(Verdict(SUSPECT, reason, 400), proven=True) == TokenDead(reason)
    assert judge(Verdict(SUSPECT, reason, 400), proven=False) == Rejected(unproven)


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
