"""Doors on whatever ports are free."""

from gateway.providers.simulator import SimulatorListen

ANYWHERE = SimulatorListen("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
