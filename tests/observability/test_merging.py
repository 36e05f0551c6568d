"""The metrics of several processes as one."""

import math
import os

import msgspec
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gateway.model.backlog import BacklogStatistics
from gateway.model.notification import Platform
from gateway.model.outbox import OutboxStatistics
from gateway.model.outcome import Delivered
from gateway.model.traffic import PoolStatistics
from gateway.observability.merging import GAUGES, Family, Sample, families_of, lasting, merged, render
from gateway.observability.metrics import Metrics
from gateway.observability.processes import process_families
from tests.clock import ManualClock


def worker(clock: ManualClock, traffic: PoolStatistics, expires_at: float = 2e9, pushes: int = 0) -> list[Family]:
    """The metrics of a worker, as they come out of the channel."""
    metrics = Metrics(clock, "1.2.3")
    records = BacklogStatistics(waiting=3, written=40, dropped=5)
    owed = OutboxStatistics(items=9, oldest=1.0, in_flight=2, resting=frozenset(), store_answers=True)
    expiries = [("Chat", "apns_certificate", expires_at)]
    metrics.watch(lambda: {"apns": traffic}, lambda: expiries, lambda: records, lambda: records, lambda: owed)
    metrics.watch_gateways(lambda: 2)
    metrics.watch_canary(lambda: [("Chat", "apns", expires_at > 1.85e9)])
    metrics.watch_guard(lambda: [("Chat", "fcm_unregistered")])
    for _ in range(pushes):
        metrics.push(Platform.APN, "Chat", Delivered(), 0.04)
    families = families_of(metrics.registry)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(families), type=list[Family])


def value(families: list[Family], name: str, **labels: str) -> float | None:
    found = [
        sample.value
        for family in families
        for sample in family.samples
        if (sample.name, sample.labels) == (name, labels)
    ]
    assert len(found) <= 1
    return found[0] if found else None


def test_every_gauge_says_what_two_of_it_are_together(clock: ManualClock) -> None:
    kinds = {family.name: family.kind for family in worker(clock, PoolStatistics())}
    assert set(kinds.values()) == {"counter", "gauge", "histogram"}
    assert {name for name, kind in kinds.items() if kind == "gauge"} == set(GAUGES)


def test_amounts_are_added_and_of_facts_one_is_taken(clock: ManualClock) -> None:
    one = worker(clock, PoolStatistics(open=3, idle=1, in_flight=7, waiting=2, rtt=0.5), expires_at=1.9e9)
    other = worker(clock, PoolStatistics(open=2, idle=2, in_flight=4, waiting=1, rtt=0.25), expires_at=1.8e9)
    both = merged([*one, *other])
    assert value(both, "push_connections", provider="apns", state="busy") == 2
    assert value(both, "push_guard_tripped", app="Chat", reason="fcm_unregistered") == 1
    assert value(both, "push_connections", provider="apns", state="idle") == 3
    assert value(both, "push_http2_streams", provider="apns") == 11
    assert value(both, "push_http2_waiting", provider="apns") == 3
    assert value(both, "push_records_waiting") == 6
    assert value(both, "push_outbox_items") == 9, "both count the same store's"
    assert value(both, "push_outbox_in_flight") == 4
    assert value(both, "push_store_up") == 1
    assert value(both, "push_http2_rtt_seconds", provider="apns") == 0.25
    assert value(both, "push_canary_success", app="Chat", provider="apns") == 0
    assert value(both, "push_credential_expiry_timestamp_seconds", app="Chat", kind="apns_certificate") == 1.8e9
    assert [
        sample.value for family in both if family.name == "push_gateway_build_info" for sample in family.samples
    ] == [1]


def test_counts_are_added_also_where_only_one_has_any(clock: ManualClock) -> None:
    parts = [worker(clock, PoolStatistics(requests=10), pushes=pushes) for pushes in (2, 0, 3)]
    every = merged(family for part in parts for family in part)
    labels = {"platform": "apn", "app": "Chat", "outcome": "delivered", "reason": "delivered"}
    assert value(every, "push_requests_total", **labels) == 5
    assert value(every, "push_http2_requests_total", provider="apns") == 30
    assert value(every, "push_request_seconds_count", platform="apn") == 5
    assert value(every, "push_request_seconds_sum", platform="apn") == pytest.approx(0.2)
    assert value(every, "push_request_seconds_bucket", platform="apn", le="0.025") == 0
    assert value(every, "push_request_seconds_bucket", platform="apn", le="0.05") == 5


def test_a_count_began_when_the_first_of_them_did() -> None:
    early, late = (
        Family("p", "P.", "counter", [Sample("p_total", {}, 1), Sample("p_created", {}, at)]) for at in (5, 9)
    )
    both = merged([late, early])
    assert (value(both, "p_total"), value(both, "p_created")) == (2, 5)


def test_of_who_has_ended_only_counts_last(clock: ManualClock) -> None:
    past = lasting(worker(clock, PoolStatistics(requests=10, in_flight=7), pushes=1))
    now = merged([*past, *worker(clock, PoolStatistics(requests=1, in_flight=2))])
    assert value(now, "push_http2_requests_total", provider="apns") == 11
    assert value(now, "push_http2_streams", provider="apns") == 2
    assert value(now, "push_request_seconds_count", platform="apn") == 1


def test_nothing_at_all_is_nothing() -> None:
    assert merged([]) == []
    assert render([]) == b""


def test_it_is_written_as_one_process_writes_it() -> None:
    registry = CollectorRegistry()
    Counter("pushes", 'Pushes "\\" so far.', ("app",), registry=registry).labels('a"\\b\nc').inc(3)
    Histogram("seconds", "Seconds.", registry=registry, buckets=(0.1, 1)).observe(math.pi)
    Gauge("waiting", "Waiting.", registry=registry).set(math.inf)
    assert render(merged(families_of(registry))) == generate_latest(registry)


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="this system has no /proc")  # noqa: PTH110
def test_processes_are_told_apart_and_one_that_has_ended_is_left_out() -> None:
    families = process_families({"supervisor": os.getpid(), "1": os.getppid(), "2": 2**30})
    both = merged(families)
    assert (value(both, "process_resident_memory_bytes", worker="supervisor") or 0) > 1e6
    assert value(both, "process_resident_memory_bytes", worker="1") is not None
    assert value(both, "process_resident_memory_bytes", worker="2") is None
    assert len([family for family in both if family.name == "process_cpu_seconds"]) == 1
