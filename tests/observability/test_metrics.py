import platform

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.model.backlog import BacklogStatistics
from gateway.model.notification import Platform
from gateway.model.outbox import OutboxStatistics
from gateway.model.outcome import Delivered, Outcome, Rejected, TokenDead
from gateway.model.reason import Reason
from gateway.model.traffic import PoolStatistics
from gateway.observability.metrics import Metrics
from tests.clock import ManualClock

NOTHING_OWED = OutboxStatistics(items=0, oldest=0.0, in_flight=0, resting=frozenset(), store_answers=True)


def nothing_written() -> BacklogStatistics:
    return BacklogStatistics(waiting=0, written=0, dropped=0)


@pytest.fixture
def metrics(clock: ManualClock) -> Metrics:
    return Metrics(clock, "1.2.3")


Sample = tuple[str, tuple[tuple[str, str], ...]]


async def scraped(metrics: Metrics) -> dict[Sample, float]:
    """Every sample as Prometheus reads it: name and labels to value."""
    families = text_string_to_metric_families((await metrics.render()).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


async def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return (await scraped(metrics)).get((name, tuple(sorted(labels.items()))))


async def test_the_names_and_labels_are_those_documented(metrics: Metrics) -> None:
    metrics.push(Platform.APN, "Chat", Delivered(), 0.1)
    with metrics.provider_request("apns"):
        pass
    traffic = {"apns": PoolStatistics(goaways={"Shutdown": 1}, rtt=0.1)}
    metrics.watch(
        lambda: traffic,
        lambda: [("Chat", "apns_certificate", 1.0)],
        nothing_written,
        nothing_written,
        lambda: NOTHING_OWED,
    )
    found = {(name, tuple(label for label, _ in labels)) for name, labels in (await scraped(metrics))}
    assert {(name, labels) for name, labels in found if not name.endswith(("_created", "_sum", "_count"))} >= {
        ("push_requests_total", ("app", "outcome", "platform", "reason")),
        ("push_request_seconds_bucket", ("le", "platform")),
        ("push_provider_request_seconds_bucket", ("le", "provider")),
        ("push_inflight", ("provider",)),
        ("push_connections", ("provider", "state")),
        ("push_http2_streams", ("provider",)),
        ("push_http2_waiting", ("provider",)),
        ("push_http2_rtt_seconds", ("provider",)),
        ("push_http2_requests_total", ("provider",)),
        ("push_http2_retries_total", ("provider",)),
        ("push_http2_goaways_total", ("provider", "reason")),
        ("push_credential_expiry_timestamp_seconds", ("app", "kind")),
        ("push_records_waiting", ()),
        ("push_records_written_total", ()),
        ("push_records_dropped_total", ()),
        ("push_devices_waiting", ()),
        ("push_devices_written_total", ()),
        ("push_devices_dropped_total", ()),
        ("push_gateway_build_info", ("python", "version")),
        ("process_cpu_seconds_total", ()),
    }


@pytest.mark.parametrize(
    ("outcome", "label", "reason"),
    [
        (Delivered(), "delivered", "delivered"),
        (Rejected(Reason.PAYLOAD_TOO_LARGE, "hush-hush"), "rejected", Reason.PAYLOAD_TOO_LARGE.value),
        (TokenDead(Reason.APNS_UNREGISTERED), "token_dead", "apns_unregistered"),
    ],
)
async def test_every_push_is_counted_by_what_became_of_it(
    metrics: Metrics, outcome: Outcome, label: str, reason: str
) -> None:
    for _ in range(2):
        metrics.push(Platform.GCM, "Chat", outcome, 0.1)
    labels = {"platform": "gcm", "app": "Chat", "outcome": label, "reason": reason}
    assert await value(metrics, "push_requests_total", **labels) == 2
    assert "hush-hush" not in (await metrics.render()).decode()


async def test_answers_are_timed_by_platform(metrics: Metrics) -> None:
    metrics.push(Platform.APN, "Chat", Delivered(), 0.1)
    metrics.push(Platform.APN, "Chat", Delivered(), 0.3)
    assert await value(metrics, "push_request_seconds_count", platform="apn") == 2
    assert await value(metrics, "push_request_seconds_sum", platform="apn") == pytest.approx(0.4)
    assert await value(metrics, "push_request_seconds_bucket", platform="apn", le="0.25") == 1
    assert await value(metrics, "push_request_seconds_count", platform="gcm") is None


async def test_an_attempt_is_in_flight_until_it_ends_and_timed(metrics: Metrics, clock: ManualClock) -> None:
    with metrics.provider_request("apns"), metrics.provider_request("apns"), metrics.provider_request("fcm"):
        assert await value(metrics, "push_inflight", provider="apns") == 2
        assert await value(metrics, "push_inflight", provider="fcm") == 1
        await clock.advance(0.5)
    assert await value(metrics, "push_inflight", provider="apns") == 0
    assert await value(metrics, "push_provider_request_seconds_count", provider="apns") == 2
    assert await value(metrics, "push_provider_request_seconds_sum", provider="apns") == 1.0


async def test_an_attempt_that_fails_is_no_longer_in_flight_and_timed(metrics: Metrics, clock: ManualClock) -> None:
    with pytest.raises(LookupError), metrics.provider_request("fcm"):
        await clock.advance(2.0)
        raise LookupError
    assert await value(metrics, "push_inflight", provider="fcm") == 0
    assert await value(metrics, "push_provider_request_seconds_sum", provider="fcm") == 2.0


async def test_connections_and_expiries_are_read_at_every_scrape(metrics: Metrics) -> None:
    traffic = {"apns": PoolStatistics(open=3, idle=1, connecting=1), "fcm": PoolStatistics()}
    expiries = [("Chat", "apns_certificate", 1_900_000_000.0)]
    metrics.watch(lambda: traffic, lambda: expiries, nothing_written, nothing_written, lambda: NOTHING_OWED)
    assert await value(metrics, "push_connections", provider="apns", state="busy") == 2
    assert await value(metrics, "push_connections", provider="apns", state="idle") == 1
    assert await value(metrics, "push_connections", provider="apns", state="connecting") == 1
    assert await value(metrics, "push_connections", provider="fcm", state="idle") == 0
    name = "push_credential_expiry_timestamp_seconds"
    assert await value(metrics, name, app="Chat", kind="apns_certificate") == 1_900_000_000.0
    traffic["apns"] = PoolStatistics(open=5)
    expiries.clear()
    assert await value(metrics, "push_connections", provider="apns", state="busy") == 5
    assert await value(metrics, name, app="Chat", kind="apns_certificate") is None


async def test_what_connections_do_is_told_by_provider(metrics: Metrics) -> None:
    goaways = {"Shutdown": 2, "code_0": 1}
    apple = PoolStatistics(in_flight=7, waiting=3, requests=100, retries=2, goaways=goaways, rtt=0.25)
    metrics.watch(
        lambda: {"apns": apple, "fcm": PoolStatistics()},
        lambda: [],
        nothing_written,
        nothing_written,
        lambda: NOTHING_OWED,
    )
    assert await value(metrics, "push_http2_streams", provider="apns") == 7
    assert await value(metrics, "push_http2_waiting", provider="apns") == 3
    assert await value(metrics, "push_http2_requests_total", provider="apns") == 100
    assert await value(metrics, "push_http2_retries_total", provider="apns") == 2
    assert await value(metrics, "push_http2_goaways_total", provider="apns", reason="Shutdown") == 2
    assert await value(metrics, "push_http2_goaways_total", provider="apns", reason="code_0") == 1
    assert await value(metrics, "push_http2_rtt_seconds", provider="apns") == 0.25
    assert await value(metrics, "push_http2_rtt_seconds", provider="fcm") is None, "nothing was measured there yet"


async def test_how_the_writing_of_records_keeps_up_is_read_at_every_scrape(metrics: Metrics) -> None:
    deliveries = iter([BacklogStatistics(waiting=3, written=40, dropped=5), BacklogStatistics(0, 43, 6)])
    devices = iter([BacklogStatistics(waiting=1, written=2, dropped=0), BacklogStatistics(7, 8, 9)])
    metrics.watch(dict, list, lambda: next(deliveries), lambda: next(devices), lambda: NOTHING_OWED)
    names = [
        f"push_{records}_{what}"
        for records in ("records", "devices")
        for what in ("waiting", "written_total", "dropped_total")
    ]
    for numbers in ([3, 40, 5, 1, 2, 0], [0, 43, 6, 7, 8, 9]):
        samples = await scraped(metrics)
        assert [samples[name, ()] for name in names] == numbers


async def test_the_build_is_told(metrics: Metrics) -> None:
    labels = {"version": "1.2.3", "python": platform.python_version()}
    assert await value(metrics, "push_gateway_build_info", **labels) == 1


async def test_two_gateways_in_one_process_count_apart(clock: ManualClock) -> None:
    one, other = (Metrics(clock, "1.2.3") for _ in range(2))
    one.push(Platform.APN, "Chat", Delivered(), 0.1)
    assert b"Chat" in await one.render()
    assert b"Chat" not in await other.render()
