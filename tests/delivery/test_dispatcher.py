"""One push along its routes: who is asked, whose verdict stands, whether a token may end by it."""

import math
from collections.abc import Collection, Iterable

import pytest

from gateway.config import GuardSettings
from gateway.delivery.admission import Admission
from gateway.delivery.breaker import Breakers
from gateway.delivery.devices import Devices
from gateway.delivery.dispatcher import Dispatcher
from gateway.delivery.follower import Follower
from gateway.delivery.gone import Gone
from gateway.delivery.guard import Guard
from gateway.delivery.learned_ways import LearnedWays
from gateway.delivery.notices import Notices
from gateway.delivery.proofs import Proofs
from gateway.delivery.push import identified
from gateway.delivery.snapshot import Member, Route
from gateway.delivery.strangers import Strangers
from gateway.http2 import Pool
from gateway.model.app import ApnsCredentials, App, FcmCredentials
from gateway.model.notification import Kind, Notification
from gateway.model.outcome import Delivered, Later, Outcome, Rejected, TokenDead
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.observability.metrics import Metrics
from gateway.providers.providers import Credentials, Providers
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.delivery.conftest import VAULT, workspace
from tests.providers.pushes import android_push, iphone_push


class Oracle:
    """A provider that says of each push what it was told to say for the credentials."""

    def __init__(self) -> None:
        self.says: dict[str, Verdict] = {}
        self.asked: list[str] = []
        self.timeouts: list[float] = []

    async def prepare(self, credentials: Credentials) -> None: ...

    async def send(self, notification: Notification, credentials: Credentials, timeout: float) -> Verdict:
        self.asked.append(credentials.fingerprint)
        self.timeouts.append(timeout)
        return self.says[credentials.fingerprint]

    def retain(self, fingerprints: Collection[str]) -> None: ...

    def pools(self) -> Iterable[Pool]:
        return ()

    async def aclose(self) -> None: ...


@pytest.fixture
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture
def providers(oracle: Oracle) -> Providers:
    return Providers(oracle, oracle)


@pytest.fixture
def dispatcher(
    follower: Follower, providers: Providers, proofs: Proofs, store: SqliteStore, clock: ManualClock
) -> Dispatcher:
    devices, metrics = Devices(store, clock, 1.0), Metrics(clock, "1.0")
    gone, learned = Gone(devices, clock), LearnedWays(devices, clock)
    guard = Guard(follower, Notices(store.notices, clock), GuardSettings(), metrics, clock)
    return Dispatcher(follower, providers, proofs, guard, Breakers(clock), gone, learned, metrics, clock, 10.0)


ACCEPTED = Verdict(VerdictKind.ACCEPTED, Reason.DELIVERED, 200, provider_id="name")
DEAD = Verdict(VerdictKind.DEAD, Reason.FCM_UNREGISTERED, 404)
SUSPECT = Verdict(VerdictKind.SUSPECT, Reason.FCM_INVALID_TOKEN, 400)
FOREIGN = Verdict(VerdictKind.FOREIGN, Reason.FCM_SENDER_ID_MISMATCH, 403)
REFUSED = Verdict(VerdictKind.REFUSED, Reason.FCM_INVALID_ARGUMENT, 400)
CREDENTIALS = Verdict(VerdictKind.CREDENTIALS_REFUSED, Reason.FCM_PERMISSION_DENIED, 403)
LATER = Verdict(VerdictKind.LATER, Reason.FCM_UNAVAILABLE, 503)
OTHER_ENVIRONMENT = Verdict(VerdictKind.CREDENTIALS_REFUSED, Reason.APNS_BAD_ENVIRONMENT_KEY_ID_IN_TOKEN, 403)
OTHER_CERTIFICATE = Verdict(VerdictKind.CREDENTIALS_REFUSED, Reason.APNS_BAD_CERTIFICATE_ENVIRONMENT, 403)

DELIVERED = Delivered(provider_id="name")
NO_TOKEN = TokenDead(Reason.FCM_INVALID_TOKEN)
UNPROVEN = Rejected(Reason.FCM_INVALID_TOKEN_UNPROVEN)
MISMATCH = Rejected(Reason.FCM_SENDER_ID_MISMATCH)
DENIED = Later(Reason.FCM_PERMISSION_DENIED)

SEARCHES = [
    ([ACCEPTED, DEAD], "", DELIVERED, 0, 1),
    ([DEAD, ACCEPTED], "", TokenDead(Reason.FCM_UNREGISTERED), 0, 1),
    ([REFUSED, ACCEPTED], "", Rejected(Reason.FCM_INVALID_ARGUMENT), 0, 1),
    ([LATER, ACCEPTED], "", Later(Reason.FCM_UNAVAILABLE), 0, 1),
    ([FOREIGN, ACCEPTED], "", DELIVERED, 1, 2),
    ([FOREIGN, FOREIGN, ACCEPTED], "", DELIVERED, 2, 3),
    ([FOREIGN, FOREIGN], "01", MISMATCH, 0, 2),
    ([FOREIGN, DEAD], "", TokenDead(Reason.FCM_UNREGISTERED), 1, 2),
    ([FOREIGN, LATER], "", Later(Reason.FCM_UNAVAILABLE), 1, 2),
    ([FOREIGN, REFUSED], "", Rejected(Reason.FCM_INVALID_ARGUMENT), 1, 2),
    ([SUSPECT, ACCEPTED], "0", DELIVERED, 1, 2),
    ([SUSPECT], "", UNPROVEN, 0, 1),
    ([SUSPECT], "0", NO_TOKEN, 0, 1),
    ([SUSPECT, SUSPECT], "0", UNPROVEN, 0, 2),
    ([SUSPECT, SUSPECT], "1", UNPROVEN, 0, 2),
    ([SUSPECT, SUSPECT], "01", NO_TOKEN, 0, 2),
    ([SUSPECT, FOREIGN], "0", UNPROVEN, 0, 2),
    ([FOREIGN, SUSPECT], "01", UNPROVEN, 1, 2),
    ([CREDENTIALS, ACCEPTED], "", DELIVERED, 1, 2),
    ([CREDENTIALS, DEAD], "", TokenDead(Reason.FCM_UNREGISTERED), 1, 2),
    ([CREDENTIALS, SUSPECT], "01", DENIED, 0, 2),
    ([SUSPECT, CREDENTIALS], "01", DENIED, 1, 2),
    ([FOREIGN, CREDENTIALS, FOREIGN], "", DENIED, 1, 3),
    ([OTHER_ENVIRONMENT, FOREIGN], "", Later(Reason.APNS_BAD_ENVIRONMENT_KEY_ID_IN_TOKEN), 0, 2),
    ([OTHER_ENVIRONMENT, SUSPECT], "01", UNPROVEN, 1, 2),
    ([OTHER_CERTIFICATE, SUSPECT], "01", UNPROVEN, 1, 2),
    ([OTHER_CERTIFICATE, CREDENTIALS], "", DENIED, 1, 2),
    ([OTHER_ENVIRONMENT, ACCEPTED], "", DELIVERED, 1, 2),
]


@pytest.mark.parametrize(("says", "proven", "outcome", "by", "asked"), SEARCHES)
async def test_the_verdict_that_tells_most_stands(
    dispatcher: Dispatcher,
    oracle: Oracle,
    proofs: Proofs,
    says: list[Verdict],
    proven: str,
    outcome: Outcome,
    by: int,
    asked: int,
) -> None:
    oracle.says = {str(number): verdict for number, verdict in enumerate(says)}
    routes = tuple(Route(f"app {name}", account(name)) for name in oracle.says)
    proofs.learn(set(proven))
    member = Member(workspace=workspace("Example"), networks=(), by_topic={}, android=routes)
    report = await dispatcher.attempt(identified(member, android_push(), VAULT), math.inf)
    assert report.outcome == outcome
    assert (report.app, report.verdict) == (f"app {by}", says[by])
    assert oracle.asked == [str(number) for number in range(asked)]


def account(fingerprint: str) -> FcmCredentials:
    return FcmCredentials(project_id="p", client_email="e", service_account="{}", fingerprint=fingerprint)


@pytest.mark.parametrize(("proven", "outcome"), [("a", NO_TOKEN), ("b", NO_TOKEN), ("", UNPROVEN)])
async def test_of_an_apps_two_environments_one_that_has_delivered_is_proof(
    dispatcher: Dispatcher, oracle: Oracle, proofs: Proofs, proven: str, outcome: Outcome
) -> None:
    oracle.says = {"a": SUSPECT, "b": SUSPECT}
    proofs.learn(set(proven))
    routes = tuple(Route("Chat", account(name)) for name in "ab")
    member = Member(workspace=workspace("Example"), networks=(), by_topic={}, android=routes)
    assert (await dispatcher.attempt(identified(member, android_push(), VAULT), math.inf)).outcome == outcome


async def test_only_who_took_a_push_is_proven_by_it(
    dispatcher: Dispatcher, oracle: Oracle, proofs: Proofs, store: SqliteStore
) -> None:
    oracle.says = {"a": FOREIGN, "b": ACCEPTED}
    routes = tuple(Route(name, account(name)) for name in "ab")
    member = Member(workspace=workspace("Example"), networks=(), by_topic={}, android=routes)
    await dispatcher.attempt(identified(member, android_push(), VAULT), math.inf)
    await proofs.flush()
    assert (await store.load()).proven == {"b"}


NOWHERE_TO_GO = Member(workspace=workspace("Example"), networks=(), by_topic={}, android=())


@pytest.mark.parametrize(
    ("notification", "reason"),
    [
        (iphone_push(topic=None), Reason.TOPIC_MISSING),
        (iphone_push(topic=""), Reason.TOPIC_MISSING),
        (iphone_push(topic="com.example.foreign"), Reason.UNKNOWN_TOPIC),
        (android_push(), Reason.NO_APP_FOR_PLATFORM),
    ],
    ids=["no topic", "empty topic", "unknown topic", "no app"],
)
async def test_a_push_without_a_way_is_refused(
    dispatcher: Dispatcher, notification: Notification, reason: Reason
) -> None:
    report = await dispatcher.attempt(identified(NOWHERE_TO_GO, notification, VAULT), math.inf)
    assert (report.outcome, report.push, report.app, report.verdict) == (
        Rejected(reason),
        identified(NOWHERE_TO_GO, notification, VAULT),
        None,
        None,
    )


async def test_before_a_push_is_refused_for_good_the_store_is_asked_for_a_way(
    dispatcher: Dispatcher, oracle: Oracle, store: SqliteStore, follower: Follower
) -> None:
    await follower.check()
    oracle.says = {"a": ACCEPTED}
    await store.put_app(App(id="1", name="Chat", apns=ApnsCredentials(topics=("com.example.chat",), fingerprint="a")))
    await store.put_workspace(workspace("Example", apps=("1",)))
    report = await dispatcher.attempt(
        identified(NOWHERE_TO_GO, iphone_push(topic="com.example.chat.voip"), VAULT), math.inf
    )
    assert (report.outcome, report.app) == (DELIVERED, "Chat")


async def test_while_the_store_does_not_answer_no_way_is_for_later(dispatcher: Dispatcher, store: SqliteStore) -> None:
    await store.close()
    report = await dispatcher.attempt(identified(NOWHERE_TO_GO, android_push(), VAULT), math.inf)
    assert report.outcome == Later(Reason.STORE_UNAVAILABLE)


async def test_while_the_store_does_not_answer_an_unknown_secret_is_for_later(
    follower: Follower, store: SqliteStore, clock: ManualClock
) -> None:
    await follower.check()
    await store.close()
    assert await Admission(follower, VAULT, Strangers(0, clock), clock).admit("secret", None) == Later(
        Reason.STORE_UNAVAILABLE
    )


@pytest.fixture
def two_apps(oracle: Oracle) -> Member:
    """A workspace with two apps, of which the second knows the device."""
    oracle.says = {"0": FOREIGN, "1": ACCEPTED}
    routes = tuple(Route(f"app {name}", account(name)) for name in oracle.says)
    return Member(workspace=workspace("Example"), networks=(), by_topic={}, android=routes)


@pytest.mark.parametrize(("left", "allowed"), [(4.0, 4.0), (10.0, 10.0), (18.0, 10.0)])
async def test_no_attempt_outlasts_the_servers_patience(
    dispatcher: Dispatcher, oracle: Oracle, two_apps: Member, clock: ManualClock, left: float, allowed: float
) -> None:
    report = await dispatcher.attempt(identified(two_apps, android_push(), VAULT), clock.monotonic() + left)
    assert report.outcome == DELIVERED
    assert oracle.timeouts == [allowed, allowed]


async def test_when_the_patience_is_over_nobody_else_is_asked(
    dispatcher: Dispatcher, oracle: Oracle, two_apps: Member, clock: ManualClock
) -> None:
    report = await dispatcher.attempt(identified(two_apps, android_push(), VAULT), clock.monotonic())
    assert report.outcome == Later(Reason.OUT_OF_TIME)
    assert oracle.asked == []


async def test_a_ring_is_never_sent_past_its_time(
    dispatcher: Dispatcher, oracle: Oracle, two_apps: Member, clock: ManualClock
) -> None:
    ring = android_push(kind=Kind.VOIP_RING, lifetime_given=True, expires_at=clock.now())
    report = await dispatcher.attempt(identified(two_apps, ring, VAULT), math.inf)
    assert report.outcome == Rejected(Reason.VOIP_EXPIRED)
    assert oracle.asked == []
