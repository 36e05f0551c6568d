"""A double of Apple's and Google's push services that ships with the gateway: real TLS, real HTTP/2, validating.

async with Simulator(Path("data"), SimulatorListen(), SystemClock()) as simulator:
    simulator.set_rules([Rule(platform="apns", token_prefix="dead", status=410)])
    ...                                  # a gateway started with data/gateway.toml sends
    for push in simulator.received:
        print(push.platform, push.status, push.reason)
"""

from gateway.providers.simulator.ledger import Received
from gateway.providers.simulator.listen import SimulatorListen
from gateway.providers.simulator.rules import Rule
from gateway.providers.simulator.simulator import Simulator

__all__ = ["Received", "Rule", "Simulator", "SimulatorListen"]
