"""Certificates near their end."""

import msgspec
import pytest

from gateway.delivery.expiry_watch import ExpiryWatch
from gateway.delivery.follower import Follower
from gateway.delivery.notices import Notices
from gateway.model.app import ApnsCredentials, App
from gateway.store.sqlite import SqliteStore
from tests.clock import ManualClock

DAY = 86_400.0


@pytest.fixture
def notices(store: SqliteStore, clock: ManualClock) -> Notices:
    return Notices(store.notices, clock)


@pytest.fixture
def watch(follower: Follower, notices: Notices, clock: ManualClock) -> ExpiryWatch:
    return ExpiryWatch(follower, notices, clock)


async def put(
    store: SqliteStore, follower: Follower, end: float | None, apns: ApnsCredentials, version: int = 0
) -> None:
    own = msgspec.structs.replace(apns, expires_at=end)
    await store.put_app(App(id="a", name="Chat", apns=own, version=version))
    await follower.check()


def told(notices: Notices) -> list[tuple[str, str]]:
    return [(one.subject, one.about) for one in notices.all()]


async def test_a_certificate_is_told_of_a_month_a_week_and_a_day_before_its_end(
    store: SqliteStore,
    follower: Follower,
    watch: ExpiryWatch,
    notices: Notices,
    clock: ManualClock,
    apns_key: ApnsCredentials,
) -> None:
    changes: list[tuple[str, bool]] = []
    notices.tell(lambda notice, stands: changes.append((notice.about, stands)))
    await put(store, follower, clock.now() + 31 * DAY, apns_key)
    seen = []
    for days in (0, 1, 20, 3, 3, 3, 1, 1):  # 31, 30, 10, 7, 4, 1, 0, -1 days before
        await clock.advance(days * DAY)
        await watch.look()
        await notices.flush()
        seen.append(told(notices))
    month, week, day = [("Chat", "30")], [("Chat", "7")], [("Chat", "1")]
    assert seen == [[], month, month, week, week, day, day, day]
    assert changes == [("30", True), ("7", True), ("1", True)], "each once, and none is over before it is mended"
    assert notices.all()[0].words == "It ends on 2027-02-15 at 08:00 UTC."


async def test_what_was_mended_is_over(
    store: SqliteStore,
    follower: Follower,
    watch: ExpiryWatch,
    notices: Notices,
    clock: ManualClock,
    apns_key: ApnsCredentials,
) -> None:
    await put(store, follower, clock.now() + DAY, apns_key)
    await watch.look()
    assert told(notices) == [("Chat", "1")]
    await put(store, follower, clock.now() + 365 * DAY, apns_key, version=1)
    await watch.look()
    assert told(notices) == []


async def test_keys_have_no_end_and_before_the_first_snapshot_nothing_is_known(
    store: SqliteStore, follower: Follower, watch: ExpiryWatch, notices: Notices, apns_key: ApnsCredentials
) -> None:
    await watch.look()
    await put(store, follower, None, apns_key)
    await watch.look()
    assert told(notices) == []
