"""Prometheus metrics. Every label has a bounded set of values: the operator's app names and our own words."""

import asyncio
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from gateway.model.backlog import BacklogStatistics
from gateway.model.clock import Clock
from gateway.model.notification import Platform
from gateway.model.outbox import OutboxStatistics
from gateway.model.outcome import Outcome
from gateway.model.reason import Reason
from gateway.observability.busy_names import BusyNames
from gateway.observability.collectors import (
    BacklogCollector,
    CanaryCollector,
    Expiries,
    ExpiryCollector,
    GuardCollector,
    OutboxCollector,
    Results,
    Traffic,
    TrafficCollector,
    Trips,
)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)

_OWED_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


class Metrics:
    """The gateway's metrics in a registry of their own."""

    def __init__(self, clock: Clock, version: str) -> None:
        self._clock = clock
        self.registry = CollectorRegistry()
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        self._requests = Counter(
            "push_requests",
            "Pushes by what became of them.",
            ("platform", "app", "outcome", "reason"),
            registry=self.registry,
        )
        self._of_workspaces = Counter(
            "push_workspace_requests",
            "Pushes of the busiest workspaces, and of all others together, by what became of them.",
            ("workspace", "outcome"),
            registry=self.registry,
        )
        self._busy = BusyNames(lambda: 0)
        self._owed = Counter(
            "push_stored_finished",
            "Pushes that were stored, by what became of them in the end.",
            ("platform", "app", "outcome", "reason"),
            registry=self.registry,
        )
        self._owed_seconds = Histogram(
            "push_stored_seconds",
            "From a stored push's request to its end.",
            ("platform",),
            buckets=_OWED_SECONDS,
            registry=self.registry,
        )
        self._withheld = Counter(
            "push_guard_withheld",
            "Verdicts that would have ended a token, and did not as the fault may be ours.",
            ("app", "reason"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "push_request_seconds",
            "From the first byte of a push request to its answer.",
            ("platform",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._provider_seconds = Histogram(
            "push_provider_request_seconds",
            "How long Apple or Google took for one push.",
            ("provider",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._inflight = Gauge(
            "push_inflight", "Pushes waiting for a provider's answer.", ("provider",), registry=self.registry
        )
        self._build = Gauge(
            "push_gateway_build_info", "Version of the gateway.", ("version", "python"), registry=self.registry
        )
        self._build.labels(version, platform.python_version()).set(1)

    def push(self, on: Platform, app: str, outcome: Outcome, seconds: float) -> None:
        """Count one push and how long its answer took."""
        self._requests.labels(on.value, app, outcome.label, outcome.reason.value).inc()
        self._seconds.labels(on.value).observe(seconds)

    def workspace_request(self, workspace: str, outcome: Outcome) -> None:
        """Count one push of a workspace, by its name if it is busy enough to have one here."""
        self._of_workspaces.labels(self._busy.label_of(workspace), outcome.label).inc()

    def owed_finished(self, on: Platform, app: str, outcome: Outcome, seconds: float) -> None:
        """Count one stored push and how long it was owed."""
        self._owed.labels(on.value, app, outcome.label, outcome.reason.value).inc()
        self._owed_seconds.labels(on.value).observe(seconds)

    def withheld(self, app: str, reason: Reason) -> None:
        """Count one token that was not called dead, and the verdict that would have done so."""
        self._withheld.labels(app, reason.value).inc()

    @contextmanager
    def provider_request(self, provider: str) -> Iterator[None]:
        """Time one attempt at a provider."""
        inflight = self._inflight.labels(provider)
        started = self._clock.monotonic()
        inflight.inc()
        try:
            yield
        finally:
            inflight.dec()
            self._provider_seconds.labels(provider).observe(self._clock.monotonic() - started)

    def watch(
        self,
        traffic: Callable[[], Traffic],
        expiries: Callable[[], Expiries],
        deliveries: Callable[[], BacklogStatistics],
        devices: Callable[[], BacklogStatistics],
        outbox: Callable[[], OutboxStatistics],
    ) -> None:
        """Read what is known elsewhere anew at every scrape."""
        self.registry.register(TrafficCollector(traffic))
        self.registry.register(ExpiryCollector(expiries))
        self.registry.register(BacklogCollector("push_records", "Deliveries", deliveries))
        self.registry.register(BacklogCollector("push_devices", "Sightings of devices", devices))
        self.registry.register(OutboxCollector(outbox))

    def watch_workspaces(self, registered: Callable[[], int]) -> None:
        """Ask how many workspaces there are: where they are few, each is counted under its name."""
        self._busy = BusyNames(registered)

    def watch_gateways(self, live: Callable[[], int]) -> None:
        """Read anew at every scrape how many gateways run on this one's store."""
        gauge = Gauge("push_instances", "Gateways on this store that gave a sign of life.", registry=self.registry)
        gauge.set_function(live)

    def watch_canary(self, results: Callable[[], Results]) -> None:
        """Read anew at every scrape how the last checks of the apps' credentials went."""
        self.registry.register(CanaryCollector(results))

    def watch_guard(self, trips: Callable[[], Trips]) -> None:
        """Read anew at every scrape what has tripped the guard."""
        self.registry.register(GuardCollector(trips))

    async def render(self) -> bytes:
        """Write all metrics in Prometheus' text format; the process's own are files to read, off the event loop."""
        return generate_latest(self.registry) + await asyncio.to_thread(generate_latest, self._process)
