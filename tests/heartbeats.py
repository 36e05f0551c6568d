"""Heartbeats of gateways that are not there."""

from typing import Any

from gateway.model.heartbeat import Heartbeat


def heartbeat(key: str, **fields: Any) -> Heartbeat:
    """A heartbeat; only what the test is about need be given."""
    usual: dict[str, Any] = {
        "id": key,
        "host": f"host-{key}",
        "pid": 77,
        "version": "1.0",
        "started_at": 1000.0,
        "at": 2000.0,
        "keys": ("0a1b2c3d",),
        "revision": 1,
    }
    return Heartbeat(**usual | fields)
