"""What pushes tell of devices."""

from typing import Any

from gateway.model.device import Device, Sighting
from gateway.model.secret import Secret

DEVICE = "d" * 64
TOKEN = Secret("beefbeef" * 8)


def sighting(seen_at: float, device: str = DEVICE, **told: Any) -> Sighting:
    """A push to a device that came in, and was answered, at `seen_at`; only what the test is about need be given."""
    usual = {"token": TOKEN, "platform": "apn", "workspaces": ("acme",), "seen_at": seen_at, "at": seen_at}
    return Sighting(device=device, **usual | told)


def success(seen_at: float, device: str = DEVICE, **told: Any) -> Sighting:
    """One that Apple took."""
    return sighting(
        seen_at, device, **{"app": "chat", "environment": "production", "success_at": told.get("at", seen_at), **told}
    )


def death(seen_at: float, device: str = DEVICE, **told: Any) -> Sighting:
    """One that was answered 406."""
    return sighting(seen_at, device, **{"dead_reason": "apns_unregistered", **told})


def stale(seen_at: float, device: str = DEVICE, **told: Any) -> Sighting:
    """One to which Apple spoke of an older life."""
    return sighting(seen_at, device, is_stale=True, **told)


def known(device: str, **told: Any) -> Device:
    """A device in the registry."""
    usual = {"token": TOKEN, "platform": "apn", "first_seen": 1.0, "known_since": 1.0, "last_seen": 1.0}
    return Device(id=device, **usual | told)
