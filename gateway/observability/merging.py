"""The metrics of several processes as one: read in each, sent to one, summed there."""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

Merge = Callable[[float, float], float]

GAUGES: Mapping[str, Merge] = {
    "push_inflight": operator.add,
    "push_connections": operator.add,
    "push_http2_streams": operator.add,
    "push_http2_waiting": operator.add,
    "push_http2_rtt_seconds": min,
    "push_credential_expiry_timestamp_seconds": min,
    "push_records_waiting": operator.add,
    "push_devices_waiting": operator.add,
    "push_outbox_items": max,
    "push_outbox_oldest_timestamp_seconds": max,
    "push_outbox_in_flight": operator.add,
    "push_breaker_open": max,
    "push_canary_success": min,
    "push_guard_tripped": max,
    "push_store_up": min,
    "push_instances": max,
    "push_gateway_build_info": max,
}
"""What one gauge of two processes is together: amounts are added, of facts the one that matters is taken."""


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One value, with what tells it from the others of its family."""

    name: str
    labels: dict[str, str]
    value: float


class Family(msgspec.Struct, frozen=True, array_like=True):
    """All samples of one metric; `kind` is Prometheus' word: counter, gauge, histogram."""

    name: str
    help: str
    kind: str
    samples: list[Sample]

    def labelled(self, **labels: str) -> "Family":
        """Return it with these labels more on every sample."""
        samples = [Sample(one.name, {**one.labels, **labels}, one.value) for one in self.samples]
        return msgspec.structs.replace(self, samples=samples)


def families_of(collector: Collector) -> list[Family]:
    """Read a registry or collector as it is now."""
    return [_family(metric) for metric in collector.collect()]


def _family(metric: Metric) -> Family:
    samples = [Sample(one.name, one.labels, one.value) for one in metric.samples]
    return Family(metric.name, metric.documentation, metric.type, samples)


def merged(families: Iterable[Family]) -> list[Family]:
    """Make one family of all of the same name, and one sample of all with the same name and labels."""
    found: dict[str, Family] = {}
    values: dict[str, dict[tuple[str, frozenset[tuple[str, str]]], Sample]] = {}
    for family in families:
        found.setdefault(family.name, family)
        own = values.setdefault(family.name, {})
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            own[key] = _together(family, own[key], sample) if key in own else sample
    return [msgspec.structs.replace(family, samples=list(values[name].values())) for name, family in found.items()]


def _together(family: Family, one: Sample, other: Sample) -> Sample:
    merge = GAUGES[family.name] if family.kind == "gauge" else _counting(one.name)
    return Sample(one.name, one.labels, merge(one.value, other.value))


def _counting(sample: str) -> Merge:
    """Counts are added; they began when the first of them did."""
    return min if sample.endswith("_created") else operator.add


def lasting(families: Iterable[Family]) -> list[Family]:
    """Leave out what ends with its process: gauges."""
    return [family for family in families if family.kind != "gauge"]


def render(families: Iterable[Family]) -> bytes:
    """Write families in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Given(families))
    return generate_latest(registry)


class _Given(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            metric = Metric(family.name, family.help, family.kind)
            for sample in family.samples:
                metric.add_sample(sample.name, sample.labels, sample.value)
            yield metric
