"""The composition root: the only place where adapters meet their ports."""

from gateway.app.composition import Gateway, given_keys, open_gateway, open_store
from gateway.app.resetting import reset_guard
from gateway.app.serving import Doors, following, open_doors, public_listener, working_off

__all__ = [
    "Doors",
    "Gateway",
    "following",
    "given_keys",
    "open_doors",
    "open_gateway",
    "open_store",
    "public_listener",
    "reset_guard",
    "working_off",
]
