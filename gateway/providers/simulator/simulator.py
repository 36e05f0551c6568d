"""Apple, Google and the control door put together."""

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from gateway.model.clock import Clock
from gateway.providers.simulator import apns, fcm
from gateway.providers.simulator.control import ControlDoor
from gateway.providers.simulator.exchange import Service
from gateway.providers.simulator.h2_server import H2Server, server_tls
from gateway.providers.simulator.identity import (
    APNS_KEY_ID,
    APNS_TEAM_ID,
    Addresses,
    Identity,
    prepare_identity,
)
from gateway.providers.simulator.ledger import Ledger, Received
from gateway.providers.simulator.listen import BoundDoors, SimulatorListen, bind_doors, url_of
from gateway.providers.simulator.oauth import OAuth
from gateway.providers.simulator.provider_tokens import ProviderTokens
from gateway.providers.simulator.rules import Environment, Rule, Rules


class Simulator:
    """A double of Apple's and Google's push services on this machine.

    Use it as an async context manager, or `start` and `stop` it. All files lie in `data` before a door opens. Keys are
    kept between runs in the same folder; two simulators must not share one at the same time.

    Args:
        data: folder for the files a gateway needs; made when missing.
        listen: where the doors are.
        clock: what provider and access tokens are judged by; certificates go by the machine's own time.
    """

    def __init__(self, data: Path, listen: SimulatorListen, clock: Clock) -> None:
        self.data = data
        self._listen = listen
        self._clock = clock
        self._rules = Rules()
        self._ledger = Ledger()
        self._control = ControlDoor(self._rules, self._ledger)
        self._servers: list[H2Server] = []
        self.apns_url = ""
        """Apple's production host, "https://HOST:PORT"; the URLs are known once the simulator has started."""
        self.apns_sandbox_url = ""
        """Apple's sandbox host."""
        self.fcm_url = ""
        """Google's FCM and OAuth."""
        self.control_url = ""
        """The control door, "http://HOST:PORT"."""

    async def start(self) -> None:
        """Write the files, then open the doors.

        Raises:
            OSError: an address cannot be had, or the folder cannot be written; nothing is left open.
        """
        doors = await asyncio.to_thread(bind_doors, self._listen)
        try:
            await self._open(doors)
        except BaseException:
            await self.stop()
            doors.close()
            raise
        structlog.get_logger().info(
            "simulator_started",
            data=str(self.data),
            apns=self.apns_url,
            apns_sandbox=self.apns_sandbox_url,
            fcm=self.fcm_url,
            control=self.control_url,
        )

    async def stop(self) -> None:
        """Close all doors and connections; again is harmless."""
        await self._control.stop()
        await asyncio.gather(*(server.stop() for server in self._servers))
        self._servers.clear()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def received(self) -> list[Received]:
        """The pushes received, also refused ones, in order of arrival."""
        return self._ledger.entries()

    async def next_received(self) -> Received:
        """Wait for the next push to arrive; its answer may still be held back."""
        return await self._ledger.next()

    def clear(self) -> None:
        """Forget what was received."""
        self._ledger.clear()

    @property
    def rules(self) -> list[Rule]:
        """The rules in force with what is left of their `times`."""
        return self._rules.current()

    def set_rules(self, rules: Sequence[Rule]) -> None:
        """Replace the rules; the first that matches a push decides."""
        self._rules.replace(rules)

    async def _open(self, doors: BoundDoors) -> None:
        self.apns_url = url_of(doors.apns, "https")
        self.apns_sandbox_url = url_of(doors.apns_sandbox, "https")
        self.fcm_url = url_of(doors.fcm, "https")
        self.control_url = url_of(doors.control, "http")
        identity, apple_tls, google_tls = await asyncio.to_thread(self._prepare)
        production, sandbox = self._apns_services(identity)
        for service, tls, door in (
            (production, apple_tls, doors.apns),
            (sandbox, apple_tls, doors.apns_sandbox),
            (self._fcm_service(identity), google_tls, doors.fcm),
        ):
            server = H2Server(service, tls)
            await server.start(door)
            self._servers.append(server)
        await self._control.start(doors.control)

    def _prepare(self) -> tuple[Identity, ssl.SSLContext, ssl.SSLContext]:
        addresses = Addresses(self.apns_url, self.apns_sandbox_url, self.fcm_url)
        identity = prepare_identity(self.data, addresses, self._listen.hosts)
        server_pem = str(identity.server_pem)
        return identity, server_tls(server_pem, identity.authority_pem), server_tls(server_pem)

    def _apns_services(self, identity: Identity) -> list[Service]:
        tokens = ProviderTokens(identity.apns_public_key, APNS_KEY_ID, APNS_TEAM_ID, self._clock)
        return [self._apns_service("production", tokens), self._apns_service("sandbox", tokens)]

    def _apns_service(self, environment: Environment, tokens: ProviderTokens) -> Service:
        door = apns.ApnsDoor(environment, tokens, self._rules, self._ledger, self._clock)
        return Service(door.answer, apns.BODY_LIMIT, apns.first_stream_limit, self._clock)

    def _fcm_service(self, identity: Identity) -> Service:
        account = identity.service_account
        oauth = OAuth(account, self._clock)
        door = fcm.FcmDoor(oauth, account.project_id, self._rules, self._ledger, self._clock)
        return Service(door.answer, fcm.BODY_LIMIT, fcm.first_stream_limit, self._clock)
