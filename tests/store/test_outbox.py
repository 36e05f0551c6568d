"""What every adapter's outbox does: nothing lost, nothing twice, nobody starved, every line in order."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from gateway.model.errors import StoreError
from gateway.model.outbox import Lane, OutboxCount, OutboxItem, Postponement
from gateway.store.port import Store
from tests.store.conftest import OpenStore
from tests.store.owed import APPLE, GOOGLE, claim, owed


def ids(items: Iterable[OutboxItem]) -> list[str]:
    return [item.id for item in items]


async def left(store: Store) -> dict[str, OutboxItem]:
    return {item.id: item for item in await store.page(OutboxItem, None, 100_000)}


async def test_what_is_claimed_is_what_was_put_under_the_new_lease(store: Store) -> None:
    item = owed("1", key=None, attempts=3, reason="fcm_quota", due_at=1234.5)
    await store.outbox.put([item])
    [found] = await store.outbox.claim(claim())
    assert found == structs.replace(item, owner="me", leased_until=2015.0)
    assert await left(store) == {"1": found}


async def test_an_item_whose_id_is_there_stays_as_it_is_there(store: Store) -> None:
    await store.outbox.put([owed("1", line="a")])
    await store.outbox.put([owed("2", line="a"), owed("1", line="b", attempts=9), owed("2", line="c")])
    assert await left(store) == {"1": owed("1", line="a"), "2": owed("2", line="a")}
    assert ids(await store.outbox.claim(claim())) == ["1"]


async def test_nothing_to_put_renew_postpone_or_finish_is_no_error(store: Store) -> None:
    await store.outbox.put([])
    await store.outbox.renew("me", [], 3000.0)
    await store.outbox.postpone("me", [])
    await store.outbox.finish([])
    assert await store.outbox.lines([]) == set()
    assert await store.outbox.lines(None) == set()
    assert await store.outbox.claim(claim(0)) == []


async def test_what_is_claimed_comes_oldest_first(store: Store) -> None:
    await store.outbox.put([owed(key, received_at=at) for key, at in (("c", 3.0), ("a", 2.0), ("b", 1.0), ("d", 2.0))])
    assert ids(await store.outbox.claim(claim())) == ["b", "a", "d", "c"]


@pytest.mark.parametrize("due_at", [2000.0, 2000.1])
async def test_an_item_is_claimed_from_the_moment_it_is_due(store: Store, due_at: float) -> None:
    await store.outbox.put([owed("1", due_at=due_at)])
    assert len(await store.outbox.claim(claim())) == (due_at <= 2000.0)


@pytest.mark.parametrize("leased_until", [2000.0, 2000.1])
async def test_an_item_that_is_put_with_a_lease_is_claimed_when_that_is_over(store: Store, leased_until: float) -> None:
    await store.outbox.put([owed("1", owner="other", leased_until=leased_until)])
    assert len(await store.outbox.claim(claim())) == (leased_until <= 2000.0)


async def test_a_lease_that_has_run_out_is_anybodys(store: Store) -> None:
    await store.outbox.put([owed("1")])
    await store.outbox.claim(claim())
    assert await store.outbox.claim(claim(owner="other", now=2014.9, until=2100.0)) == []
    [found] = await store.outbox.claim(claim(owner="other", now=2015.0, until=2100.0))
    assert (found.owner, found.leased_until) == ("other", 2100.0)


async def test_a_line_goes_one_after_the_other_by_time_and_then_by_id(store: Store) -> None:
    keys = {"b": 2.0, "c": 1.0, "a": 2.0, "e": 3.0, "d": 1.0}
    await store.outbox.put([owed(key, line="one", received_at=at) for key, at in keys.items()])
    order = []
    while found := await store.outbox.claim(claim()):
        order += ids(found)
        await store.outbox.finish(ids(found))
    assert order == ["c", "d", "a", "b", "e"]


@pytest.mark.parametrize(
    "first", [owed("1", line="a", due_at=2500.0), owed("1", line="a", owner="other", leased_until=2500.0)]
)
async def test_a_line_waits_for_its_first_item_even_if_that_cannot_be_claimed(store: Store, first: OutboxItem) -> None:
    await store.outbox.put([owed("2", line="a"), first, owed("3")])
    assert ids(await store.outbox.claim(claim())) == ["3"]
    await store.outbox.finish(["1"])
    assert ids(await store.outbox.claim(claim())) == ["2"]


async def test_an_older_item_that_comes_later_goes_before_those_of_its_line(store: Store) -> None:
    for key in "432":
        await store.outbox.put([owed(key, line="a", received_at=float(key))])
    assert ids(await store.outbox.claim(claim())) == ["2"]
    await store.outbox.put([owed("1", line="a", received_at=1.0)])
    assert ids(await store.outbox.claim(claim())) == ["1"]
    await store.outbox.finish(["1", "2", "3"])
    assert ids(await store.outbox.claim(claim())) == ["4"]


async def test_items_that_end_in_the_middle_of_a_line_leave_its_order_alone(store: Store) -> None:
    await store.outbox.put([owed(key, line="a") for key in "1234"])
    await store.outbox.finish(["2", "4"])
    assert ids(await store.outbox.claim(claim())) == ["1"]
    await store.outbox.finish(["1"])
    assert ids(await store.outbox.claim(claim())) == ["3"]


async def test_nothing_is_taken_of_closed_lanes(store: Store) -> None:
    lanes = [APPLE, GOOGLE, Lane("other", "apns"), Lane("other", "fcm")]
    await store.outbox.put([owed(str(number), lane=lane) for number, lane in enumerate(lanes)])
    assert ids(await store.outbox.claim(claim(closed=frozenset({APPLE, Lane("other", "fcm")})))) == ["1", "2"]
    assert ids(await store.outbox.claim(claim())) == ["0", "3"]


async def test_nothing_is_taken_of_workspaces_on_hold(store: Store) -> None:
    await store.outbox.put([owed("1"), owed("2", workspace="other"), owed("3", workspace="other", lane=GOOGLE)])
    assert ids(await store.outbox.claim(claim(held=frozenset({"other", "none"})))) == ["1"]
    assert ids(await store.outbox.claim(claim())) == ["2", "3"]


async def test_what_is_on_hold_is_claimed_when_it_is_of_no_use_any_more(store: Store) -> None:
    await store.outbox.put([owed("1", expires_at=2000.0)])
    assert ids(await store.outbox.claim_expired(claim(held=frozenset({"acme"})))) == ["1"]


async def test_a_lane_that_is_hastened_is_due_at_once_and_no_other(store: Store) -> None:
    await store.outbox.put([owed("1", due_at=2500.0, attempts=7), owed("2", due_at=2500.0, lane=GOOGLE)])
    await store.outbox.hasten(APPLE, 2000.0)
    [found] = await store.outbox.claim(claim())
    assert found == owed("1", due_at=2000.0, attempts=7, owner="me", leased_until=2015.0)


async def test_haste_leaves_the_order_of_a_line_alone(store: Store) -> None:
    items = [owed(key, line="a", received_at=float(key), due_at=2500.0 + 100 * float(key)) for key in "123"]
    await store.outbox.put(items)
    await store.outbox.hasten(APPLE, 2000.0)
    order = []
    while found := await store.outbox.claim(claim()):
        order += ids(found)
        await store.outbox.finish(ids(found))
    assert order == ["1", "2", "3"]


async def test_what_is_due_already_keeps_its_time_when_its_lane_is_hastened(store: Store) -> None:
    await store.outbox.put([owed("1", due_at=1500.0)])
    await store.outbox.hasten(APPLE, 2000.0)
    assert (await left(store))["1"].due_at == 1500.0


async def test_what_somebody_works_on_is_not_hastened(store: Store) -> None:
    leased = owed("1", owner="other", leased_until=2050.0, due_at=2500.0)
    await store.outbox.put([leased])
    await store.outbox.hasten(APPLE, 2000.0)
    assert await left(store) == {"1": leased}
    assert await store.outbox.claim(claim()) == []
    assert await store.outbox.claim(claim(now=2050.0)) == []


async def test_a_long_lane_is_hastened_as_a_whole(store: Store) -> None:
    await store.outbox.put([owed(f"{number:03}", line=f"line {number % 10}", due_at=2500.0) for number in range(500)])
    await store.outbox.hasten(APPLE, 2000.0)
    taken: list[str] = []
    while found := await store.outbox.claim(claim(50)):
        taken += ids(found)
        await store.outbox.finish(ids(found))
    assert len(taken) == 500


async def test_workspaces_share_the_limit_evenly(store: Store) -> None:
    for name, count in (("large", 300), ("small", 200), ("tiny", 7)):
        await store.outbox.put([owed(f"{name} {number}", workspace=name) for number in range(count)])
    found = await store.outbox.claim(claim(100))
    assert len(found) == 100
    taken = Counter(item.workspace for item in found)
    assert taken["tiny"] == 7
    assert sorted((taken["large"], taken["small"])) in ([45, 48], [46, 47])


async def test_lanes_of_a_workspace_share_what_it_gets(store: Store) -> None:
    await store.outbox.put([owed(f"a {number}", received_at=1.0, due_at=1.0) for number in range(300)])
    await store.outbox.put([owed(f"b {number}", lane=GOOGLE) for number in range(300)])
    assert Counter(item.lane for item in await store.outbox.claim(claim(100))) == {APPLE: 50, GOOGLE: 50}


async def test_where_there_are_more_workspaces_than_the_limit_each_has_its_turn(store: Store) -> None:
    names = [f"workspace {number}" for number in range(20)]
    await store.outbox.put([owed(f"{name} {number}", workspace=name) for name in names for number in range(100)])
    served = set()
    for _ in range(100):
        found = await store.outbox.claim(claim(5))
        assert len({item.workspace for item in found}) == 5
        served |= {item.workspace for item in found}
    assert served == set(names)


async def test_a_long_line_and_a_large_workspace_keep_nobody_waiting(store: Store) -> None:
    await store.outbox.put([owed(f"line {number:04}", line="long", due_at=1.0) for number in range(3000)])
    await store.outbox.put([owed(f"others {number}", workspace="large", due_at=1.0) for number in range(3000)])
    await store.outbox.put([owed("same workspace", due_at=1500.0), owed("another", workspace="small", due_at=1500.0)])
    found = await store.outbox.claim(claim(50))
    assert len(found) == 50
    assert {"line 0000", "same workspace", "another"} < set(ids(found))


async def test_a_long_line_goes_on_at_once_when_its_first_item_is_finished(store: Store) -> None:
    await store.outbox.put([owed(f"{number:04}", line="long") for number in range(1000)])
    order = []
    for _ in range(20):
        found = await store.outbox.claim(claim(10))
        order += ids(found)
        await store.outbox.finish(ids(found))
    assert order == [f"{number:04}" for number in range(20)]


async def test_one_renews_only_what_is_ones_own(store: Store) -> None:
    await store.outbox.put([owed("1", owner="other", leased_until=2050.0), owed("2"), owed("3")])
    assert ids(await store.outbox.claim(claim())) == ["2", "3"]
    await store.outbox.renew("me", ["1", "2", "none"], 2100.0)
    assert {key: item.leased_until for key, item in (await left(store)).items()} == {
        "1": 2050.0,
        "2": 2100.0,
        "3": 2015.0,
    }
    assert ids(await store.outbox.claim(claim(now=2060.0, until=2070.0))) == ["1", "3"]
    assert "2" in ids(await store.outbox.claim(claim(now=2100.0, until=2200.0)))


async def test_a_lease_is_never_cut_short(store: Store) -> None:
    await store.outbox.put([owed("1", owner="me", leased_until=2050.0)])
    await store.outbox.renew("me", ["1"], 2010.0)
    assert (await left(store))["1"].leased_until == 2050.0
    assert await store.outbox.claim(claim(now=2020.0)) == []


async def test_what_is_postponed_is_free_and_comes_when_it_is_due(store: Store) -> None:
    await store.outbox.put([owed("1"), owed("2", line="line of 1", received_at=1001.0)])
    await store.outbox.claim(claim())
    await store.outbox.postpone("me", [Postponement(id="1", due_at=2001.0, attempts=2, reason="apns_timeout")])
    wanted = owed("1", due_at=2001.0, attempts=2, reason="apns_timeout")
    assert (await left(store))["1"] == wanted
    assert await store.outbox.claim(claim()) == []
    [found] = await store.outbox.claim(claim(now=2001.0))
    assert found == structs.replace(wanted, owner="me", leased_until=2016.0)


async def test_one_postpones_only_what_is_ones_own(store: Store) -> None:
    others = owed("1", owner="other", leased_until=2050.0)
    await store.outbox.put([others, owed("2", owner="me", leased_until=2050.0), owed("3")])
    later = [Postponement(id=key, due_at=9.0, attempts=9, reason="later") for key in ("1", "2", "3", "none")]
    await store.outbox.postpone("me", later)
    assert await left(store) == {"1": others, "2": owed("2", due_at=9.0, attempts=9, reason="later"), "3": owed("3")}


async def test_what_is_finished_is_gone_whoever_holds_it_and_may_be_finished_again(store: Store) -> None:
    await store.outbox.put([owed("1", owner="other", leased_until=2050.0), owed("2"), owed("3")])
    for _ in range(2):
        await store.outbox.finish(["1", "2", "none"])
        assert list(await left(store)) == ["3"]


async def test_what_is_of_no_use_any_more_is_claimed_whatever_its_lane_and_line(store: Store) -> None:
    await store.outbox.put(
        [
            owed("1", line="a"),
            owed("2", line="a", expires_at=2000.0, due_at=9000.0),
            owed("3", expires_at=1999.0, lane=GOOGLE, received_at=1.0),
            owed("4", expires_at=2000.1),
            owed("5", expires_at=1999.0, owner="other", leased_until=2000.1),
        ]
    )
    expired = await store.outbox.claim_expired(claim(closed=frozenset({APPLE})))
    assert [(item.id, item.owner, item.leased_until) for item in expired] == [("3", "me", 2015.0), ("2", "me", 2015.0)]
    assert await store.outbox.claim_expired(claim()) == []


async def test_no_more_expired_items_are_claimed_than_asked_for(store: Store) -> None:
    await store.outbox.put([owed(str(number), expires_at=1500.0) for number in range(5)])
    assert [len(await store.outbox.claim_expired(claim(2))) for _ in range(4)] == [2, 2, 1, 0]


async def test_items_are_counted_by_workspace_and_the_oldest_is_known(store: Store) -> None:
    assert await store.outbox.count() == OutboxCount({}, None)
    await store.outbox.put(
        [owed("1"), owed("2", received_at=7.0), owed("3", workspace="b", owner="me", leased_until=9e9)]
    )
    count = await store.outbox.count()
    assert count == OutboxCount({"acme": 2, "b": 1}, 7.0, {"chat": 3})
    assert count.total == 3


async def test_of_thousands_of_lines_those_with_items_are_known(store: Store) -> None:
    lines = [f"line {number}" for number in range(4000)]
    await store.outbox.put([owed(line, line=line) for line in lines[::2]])
    await store.outbox.put([owed("leased", line="leased", owner="me", leased_until=9e9, due_at=9e9)])
    assert await store.outbox.lines([*lines, "leased"]) == {*lines[::2], "leased"}
    assert await store.outbox.lines(lines[:2]) == {lines[0]}
    assert await store.outbox.lines(None) == {*lines[::2], "leased"}


async def test_an_item_is_found_by_its_key(store: Store) -> None:
    await store.outbox.put([owed("1"), owed("2", key=None)])
    assert await store.outbox.find("key of 1") == "1"
    assert await store.outbox.find("key of 2") is None
    await store.outbox.finish(["1"])
    assert await store.outbox.find("key of 1") is None


async def test_concurrent_claims_never_get_the_same_item(open_store: OpenStore) -> None:
    stores = [await open_store() for _ in range(4)]
    await stores[0].outbox.put(
        [
            owed(str(number), workspace=f"w{number % 3}", line=f"line {number % 250}", received_at=float(number))
            for number in range(500)
        ]
    )

    async def work(number: int) -> list[str]:
        done: list[str] = []
        while found := await stores[number].outbox.claim(claim(20, owner=f"owner {number}")):
            assert {item.owner for item in found} == {f"owner {number}"}
            done += ids(found)
        return done

    taken = [key for keys in await asyncio.gather(*(work(number) for number in range(4))) for key in keys]
    assert sorted(taken) == sorted(str(number) for number in range(250))


async def test_workers_together_finish_everything_once_and_every_line_in_order(open_store: OpenStore) -> None:
    stores = [await open_store() for _ in range(4)]
    items = [
        owed(str(number), workspace=f"w{number % 3}", line=f"line {number % 50}", received_at=float(number))
        for number in range(500)
    ]
    await stores[0].outbox.put(items)
    finished: list[OutboxItem] = []

    async def work(number: int) -> None:
        while len(finished) < len(items):
            found = await stores[number].outbox.claim(claim(20, owner=f"owner {number}"))
            finished.extend(found)
            await stores[number].outbox.finish(ids(found))

    await asyncio.gather(*(work(number) for number in range(4)))
    assert sorted(ids(finished)) == sorted(ids(items))
    for line in {item.line for item in items}:
        times = [item.received_at for item in finished if item.line == line]
        assert times == sorted(times)
    assert await left(stores[0]) == {}


async def test_an_item_that_cannot_be_read_holds_up_its_line_alone_and_is_tried_again_in_an_hour(
    store: Store, ahead: Store
) -> None:
    await ahead.outbox.put([owed("1")])
    await store.outbox.put([owed("2", line="line of 1", received_at=1001.0), owed("3")])
    with capture_logs() as logs:
        assert ids(await store.outbox.claim(claim())) == ["3"]
    assert [(one["event"], one["log_level"], one["id"]) for one in logs] == [("outbox_item_unreadable", "error", "1")]
    with capture_logs() as logs:
        assert ids(await ahead.outbox.claim(claim(now=5599.9, until=5600.0))) == ["3"]
    assert logs == []
    assert ids(await ahead.outbox.claim(claim(now=5600.0))) == ["1", "3"]


async def test_an_item_that_is_of_no_use_any_more_and_cannot_be_read_is_removed(store: Store, ahead: Store) -> None:
    await ahead.outbox.put([owed("1", expires_at=1500.0)])
    await store.outbox.put([owed("2", line="line of 1", received_at=1001.0), owed("3", expires_at=1500.0)])
    with capture_logs() as logs:
        assert ids(await store.outbox.claim_expired(claim())) == ["3"]
    assert [(one["event"], one["id"]) for one in logs] == [("outbox_item_unreadable", "1")]
    assert ids(await store.outbox.claim(claim())) == ["2"]


async def test_a_copy_of_an_outbox_that_cannot_be_read_is_refused(store: Store, ahead: Store) -> None:
    await ahead.outbox.put([owed("1")])
    with pytest.raises(StoreError, match="written under other encryption keys"):
        await store.page(OutboxItem, None, 9)


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.outbox.put([owed("1")]),
        lambda store: store.outbox.claim(claim()),
        lambda store: store.outbox.claim_expired(claim()),
        lambda store: store.outbox.renew("me", ["1"], 1.0),
        lambda store: store.outbox.postpone("me", [Postponement(id="1", due_at=1.0, attempts=1, reason="")]),
        lambda store: store.outbox.finish(["1"]),
        lambda store: store.outbox.count(),
        lambda store: store.outbox.lines(["1"]),
        lambda store: store.outbox.find("1"),
    ],
    ids=["put", "claim", "claim_expired", "renew", "postpone", "finish", "count", "lines", "find"],
)
async def test_the_outbox_of_a_closed_store_says_so(store: Store, use: Callable[[Store], Awaitable[object]]) -> None:
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await use(store)
