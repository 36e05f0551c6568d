"""Forwarding, put together."""

from gateway.config import ForwardingSettings
from gateway.delivery.breaker import Breakers
from gateway.delivery.devices import Devices
from gateway.delivery.forwarding import Forwarding
from gateway.delivery.handover import Handover
from gateway.delivery.notices import Notices
from gateway.delivery.owners import Owners
from gateway.model.clock import Clock
from gateway.observability.metrics import Metrics
from gateway.providers.upstream import Upstream


def forwarding_to(
    upstream: Upstream,
    handover: Handover,
    devices: Devices,
    notices: Notices,
    breakers: Breakers,
    metrics: Metrics,
    settings: ForwardingSettings,
    clock: Clock,
) -> Forwarding:
    """Put what forwards before what hands over."""
    owners = Owners(devices, clock)
    topics, timeout = settings.topics, settings.timeout
    return Forwarding(handover, upstream, owners, notices, breakers, metrics, clock, topics, timeout)
