"""Entries of the delivery log."""

from typing import Any

from gateway.model.delivery import Delivery


def delivered(key: str, /, **fields: Any) -> Delivery:
    """An entry of the delivery log; only what the test is about need be given."""
    usual: dict[str, Any] = {
        "id": key,
        "at": 1000.0,
        "workspace": "acme",
        "app": "chat",
        "platform": "apn",
        "kind": "message",
        "device": "d" * 64,
        "outcome": "delivered",
        "reason": "delivered",
        "provider_status": 200,
        "provider_words": "",
        "provider_id": "",
        "attempts": 1,
        "ms": 12.5,
    }
    return Delivery(**usual | fields)
