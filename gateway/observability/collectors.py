"""Metrics that are read where they are known, anew at every scrape."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.model.backlog import BacklogStatistics
from gateway.model.outbox import OutboxStatistics
from gateway.model.traffic import PoolStatistics

Traffic = Mapping[str, PoolStatistics]
"""The connections to each provider."""
Expiries = Iterable[tuple[str, str, float]]
"""App, kind of credential, and when it expires (UNIX seconds)."""

Results = Iterable[tuple[str, str, bool]]
"""App, provider, and whether the last check of the app's credentials there went well."""

Trips = Iterable[tuple[str, str]]
"""App and reason code of what has tripped the guard."""

_GAUGES: tuple[tuple[str, str, Callable[[PoolStatistics], float | None]], ...] = (
    ("push_http2_streams", "Requests under way on connections.", lambda pool: pool.in_flight),
    ("push_http2_waiting", "Requests in line for a connection or a stream.", lambda pool: pool.waiting),
    ("push_http2_rtt_seconds", "Shortest round trip last measured by PING or SETTINGS.", lambda pool: pool.rtt),
)
_COUNTERS: tuple[tuple[str, str, Callable[[PoolStatistics], int]], ...] = (
    ("push_http2_requests", "Requests to the provider, also those that never left.", lambda pool: pool.requests),
    ("push_http2_retries", "Requests that came back untouched and were sent again.", lambda pool: pool.retries),
)


class TrafficCollector(Collector):
    """The state of the HTTP/2 connections."""

    def __init__(self, traffic: Callable[[], Traffic]) -> None:
        self._traffic = traffic

    def collect(self) -> Iterator[Metric]:
        """Ask, and tell it in Prometheus' terms."""
        traffic = self._traffic()
        yield _states(traffic)
        for name, help_text, read in _GAUGES:
            gauge = GaugeMetricFamily(name, help_text, labels=("provider",))
            for provider, pool in traffic.items():
                value = read(pool)
                if value is not None:
                    gauge.add_metric((provider,), value)
            yield gauge
        for name, help_text, count in _COUNTERS:
            counter = CounterMetricFamily(name, help_text, labels=("provider",))
            for provider, pool in traffic.items():
                counter.add_metric((provider,), count(pool))
            yield counter
        yield _goaways(traffic)


def _states(traffic: Traffic) -> Metric:
    states = GaugeMetricFamily("push_connections", "HTTP/2 connections to the providers.", labels=("provider", "state"))
    for provider, pool in traffic.items():
        states.add_metric((provider, "busy"), pool.open - pool.idle)
        states.add_metric((provider, "connecting"), pool.connecting)
        states.add_metric((provider, "idle"), pool.idle)
    return states


def _goaways(traffic: Traffic) -> Metric:
    goaways = CounterMetricFamily(
        "push_http2_goaways", "Goodbyes of the provider's servers.", labels=("provider", "reason")
    )
    for provider, pool in traffic.items():
        for reason, times in pool.goaways.items():
            goaways.add_metric((provider, reason), times)
    return goaways


class ExpiryCollector(Collector):
    """When credentials expire."""

    def __init__(self, expiries: Callable[[], Expiries]) -> None:
        self._expiries = expiries

    def collect(self) -> Iterator[Metric]:
        """Ask, and tell it in Prometheus' terms."""
        expiry = GaugeMetricFamily(
            "push_credential_expiry_timestamp_seconds",
            "When a credential expires; absent for those that do not.",
            labels=("app", "kind"),
        )
        for app, kind, at in self._expiries():
            expiry.add_metric((app, kind), at)
        yield expiry


class CanaryCollector(Collector):
    """How the last checks of the apps' credentials went."""

    def __init__(self, results: Callable[[], Results]) -> None:
        self._results = results

    def collect(self) -> Iterator[Metric]:
        """Ask, and tell it in Prometheus' terms."""
        success = GaugeMetricFamily(
            "push_canary_success",
            "Whether the last check of an app's credentials went well; absent before the first.",
            labels=("app", "provider"),
        )
        for app, provider, went_well in self._results():
            success.add_metric((app, provider), float(went_well))
        yield success


class GuardCollector(Collector):
    """What has tripped the guard."""

    def __init__(self, trips: Callable[[], Trips]) -> None:
        self._trips = trips

    def collect(self) -> Iterator[Metric]:
        """Ask, and tell it in Prometheus' terms."""
        tripped = GaugeMetricFamily(
            "push_guard_tripped", "Verdicts that end no token of an app at the moment.", labels=("app", "reason")
        )
        for app, reason in self._trips():
            tripped.add_metric((app, reason), 1)
        yield tripped


class BacklogCollector(Collector):
    """How the writing of records keeps up: of the delivery log, or of the device registry."""

    def __init__(self, prefix: str, records: str, statistics: Callable[[], BacklogStatistics]) -> None:
        self._prefix = prefix
        self._records = records
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        """Ask, and tell it in Prometheus' terms."""
        now, prefix, records = self._statistics(), self._prefix, self._records
        yield GaugeMetricFamily(f"{prefix}_waiting", f"{records} that wait to be written.", value=now.waiting)
        yield CounterMetricFamily(f"{prefix}_written", f"{records} that were written.", value=now.written)
        yield CounterMetricFamily(
            f"{prefix}_dropped", f"{records} that were not written, for the store took none.", value=now.dropped
        )


class OutboxCollector(Collector):
    """What is owed, and which lanes rest."""

    def __init__(self, statistics: Callable[[], OutboxStatistics]) -> None:
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        """Ask, and tell it in Prometheus' terms."""
        outbox = self._statistics()
        yield GaugeMetricFamily("push_outbox_items", "Stored pushes, those of all gateways.", outbox.items)
        yield GaugeMetricFamily(
            "push_outbox_oldest_timestamp_seconds", "When the oldest stored push came; 0: there is none.", outbox.oldest
        )
        yield GaugeMetricFamily("push_outbox_in_flight", "Stored pushes being attempted.", outbox.in_flight)
        yield GaugeMetricFamily("push_store_up", "Whether the store answers.", float(outbox.store_answers))
        resting = GaugeMetricFamily(
            "push_breaker_open", "Lanes that are in trouble: their pushes are stored.", labels=("app", "provider")
        )
        for lane in sorted(outbox.resting, key=lambda lane: (lane.app, lane.provider)):
            resting.add_metric((lane.app, lane.provider), 1)
        yield resting
