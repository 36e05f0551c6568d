"""Every answer of Apple's and Google's, and what it means for each set-up: what the server is answered, what becomes of
the device, and whether it makes the guard trip when many tokens of an app get it.

A cell is the answer's status and code; an empty one is as `answered`. A device is dead exactly where 406 was answered,
and for the reason that was answered.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import pytest

from gateway.config import GuardSettings, Settings
from gateway.delivery.devices import device_hash
from gateway.model.app import ApnsCredentials, ApnsEnvironment, FcmCredentials
from gateway.model.notice import NoticeKind
from gateway.model.outbox import Lane
from gateway.providers.apns_verdict import APPLE_ANSWERS
from gateway.providers.credentials import sealed, with_environment, with_topics
from gateway.providers.fcm_verdict import GOOGLE_ANSWERS
from gateway.providers.simulator import Rule, Simulator
from tests.end_to_end.running import Running, credentials, message, settings_of, start_gateway
from tests.official import Official

APPLE = """
says                            | answered                                 | unproven                           | production only | many
410 Unregistered                | 406 apns_unregistered                    |                                    |                 | trips
410 ExpiredToken                | 406 apns_expired_token                   |                                    |                 | trips
400 BadDeviceToken              | 406 apns_bad_device_token                | 422 apns_bad_device_token_unproven | 200 delivered   | trips
400 DeviceTokenNotForTopic      | 422 apns_device_token_not_for_topic      |                                    |                 | trips
400 TopicDisallowed             | 422 apns_topic_disallowed                |                                    |                 | trips
400 BadTopic                    | 422 apns_bad_topic                       |                                    |                 | trips
400 MissingTopic                | 422 apns_missing_topic                   |                                    |                 | trips
400 BadCollapseId               | 422 apns_bad_collapse_id                 |                                    |                 |
400 BadExpirationDate           | 422 apns_bad_expiration_date             |                                    |                 |
400 BadMessageId                | 422 apns_bad_message_id                  |                                    |                 |
400 BadPriority                 | 422 apns_bad_priority                    |                                    |                 |
400 DuplicateHeaders            | 422 apns_duplicate_headers               |                                    |                 |
400 InvalidPushType             | 422 apns_invalid_push_type               |                                    |                 |
400 MissingDeviceToken          | 422 apns_missing_device_token            |                                    |                 |
400 PayloadEmpty                | 422 apns_payload_empty                   |                                    |                 |
404 BadPath                     | 422 apns_bad_path                        |                                    |                 |
405 MethodNotAllowed            | 422 apns_method_not_allowed              |                                    |                 |
403 Forbidden                   | 422 apns_forbidden                       |                                    |                 |
413 PayloadTooLarge             | 422 apns_payload_too_large               |                                    |                 |
400 IdleTimeout                 | 503 apns_idle_timeout                    |                                    |                 |
403 BadCertificate              | 503 apns_bad_certificate                 |                                    | 200 delivered   | rests
403 BadCertificateEnvironment   | 503 apns_bad_certificate_environment     |                                    | 200 delivered   | rests
403 InvalidProviderToken        | 503 apns_invalid_provider_token          |                                    | 200 delivered   | rests
403 MissingProviderToken        | 503 apns_missing_provider_token          |                                    | 200 delivered   | rests
403 UnrelatedKeyIdInToken       | 503 apns_unrelated_key_id_in_token       |                                    | 200 delivered   | rests
403 BadEnvironmentKeyIdInToken  | 503 apns_bad_environment_key_id_in_token |                                    | 200 delivered   | rests
403 BadEnvironmentKeyInToken    | 503 apns_bad_environment_key_id_in_token |                                    | 200 delivered   | rests
403 ExpiredProviderToken        | 503 apns_expired_provider_token          |                                    | 200 delivered   | rests
429 TooManyRequests             | 429 apns_too_many_requests               |                                    |                 |
429 TooManyProviderTokenUpdates | 503 apns_too_many_provider_token_updates |                                    |                 |
500 InternalServerError         | 503 apns_internal_server_error           |                                    |                 |
503 ServiceUnavailable          | 503 apns_service_unavailable             |                                    |                 |
503 Shutdown                    | 503 apns_shutdown                        |                                    |                 |
400 SomethingNew                | 422 apns_unknown_answer                  |                                    |                 |
502 SomethingNew                | 503 apns_unknown_answer                  |                                    |                 |
"""  # noqa: E501 - a table
GOOGLE = """
says                       | answered                       | unproven                       | first app only | may forward   | many
404 UNREGISTERED           | 406 fcm_unregistered           |                                |                |               | trips
400 INVALID_ARGUMENT       | 406 fcm_invalid_token          | 422 fcm_invalid_token_unproven | 200 delivered  |               | trips
403 SENDER_ID_MISMATCH     | 422 fcm_sender_id_mismatch     |                                | 200 delivered  | 200 forwarded | trips
401 THIRD_PARTY_AUTH_ERROR | 422 fcm_third_party_auth_error |                                |                |               |
403 PERMISSION_DENIED      | 503 fcm_permission_denied      |                                | 200 delivered  |               | rests
401 UNAUTHENTICATED        | 503 fcm_unauthenticated        |                                | 200 delivered  |               | rests
404 NOT_FOUND              | 503 fcm_project_not_found      |                                | 200 delivered  |               | rests
413 INVALID_ARGUMENT       | 422 fcm_unknown_answer         |                                |                |               |
400 SomethingNew           | 422 fcm_invalid_argument       |                                |                |               |
429 QUOTA_EXCEEDED         | 429 fcm_quota_exceeded         |                                |                |               |
500 INTERNAL               | 503 fcm_internal               |                                |                |               |
503 UNAVAILABLE            | 503 fcm_unavailable            |                                |                |               |
502 SomethingNew           | 503 fcm_unknown_answer         |                                |                |               |
"""  # noqa: E501 - a table


class Row(NamedTuple):
    """An answer of a provider's, and a cell for every column of its table."""

    says: str
    cells: dict[str, str]

    def rule(self, **given: Any) -> Rule:
        status, reason = self.says.split()
        return Rule(status=int(status), reason=reason, **given)

    def cell(self, column: str) -> str:
        return self.cells.get(column) or self.cells["answered"]


def rows(table: str) -> list[Row]:
    (_, *columns), *lines = ([cell.strip() for cell in line.split("|")] for line in table.strip().splitlines())
    return [Row(says, dict(zip(columns, cells, strict=False))) for says, *cells in lines]


class SetUp(NamedTuple):
    """What a workspace may send to: one app or two, whose credentials have delivered something or not."""

    column: str
    environment: ApnsEnvironment = ApnsEnvironment.PRODUCTION
    proven: bool = True
    apps: int = 1
    forward: bool = False
    only: Mapping[str, Any] = MappingProxyType({})
    """To what the provider says it, if not to all."""


APPLE_SET_UPS = {
    "production": SetUp("answered"),
    "sandbox": SetUp("answered", ApnsEnvironment.SANDBOX),
    "auto": SetUp("answered", ApnsEnvironment.AUTO),
    "auto.half": SetUp("production only", ApnsEnvironment.AUTO, only={"environment": "production"}),
    "unproven": SetUp("unproven", proven=False),
    "unproven.auto": SetUp("unproven", ApnsEnvironment.AUTO, proven=False),
    "forward": SetUp("answered", forward=True),
}
GOOGLE_SET_UPS = {
    "one": SetUp("answered"),
    "two": SetUp("answered", apps=2),
    "unproven": SetUp("unproven", proven=False),
    "unproven.two": SetUp("unproven", apps=2, proven=False),
    "forward": SetUp("may forward", forward=True),
    "forward.two": SetUp("may forward", apps=2, forward=True),
}
ASKED_TWICE = ("403 PERMISSION_DENIED", "401 UNAUTHENTICATED")
"""What Google may take back when it gets another access token."""
MANY = 4
"""Tokens that make the guard trip."""


class Matrix:
    """A gateway with a workspace for every set-up, on one of the platforms."""

    def __init__(self, running: Running, platform: str) -> None:
        self.running = running
        self.simulator = running.simulator
        self.platform = platform
        self.provider = "apns" if platform == "apn" else "fcm"
        self._secrets: dict[str, str] = {}

    async def prepare(self, set_ups: dict[str, SetUp]) -> None:
        apns, fcm = await asyncio.to_thread(credentials, self.simulator)
        for name, set_up in set_ups.items():
            await self._register(name, set_up, apns, fcm)
        await self.running.gateway.follower.check()
        for name, set_up in set_ups.items():
            if set_up.proven:
                assert await self.push(name, device=999) == "200 delivered"

    async def _register(self, name: str, set_up: SetUp, apns: ApnsCredentials, fcm: FcmCredentials) -> None:
        """Give each credentials of its own, so that it is proven by none of the others."""
        own_apns = with_environment(with_topics(apns, (f"com.example.{name}",)), set_up.environment)
        own_fcm = sealed(msgspec.structs.replace(fcm, client_email=f"{name}@example.com"))
        given = (own_apns, None) if self.platform == "apn" else (None, own_fcm)
        apps = tuple(f"{name} {number}" for number in range(set_up.apps))
        for app in apps:
            await self.running.registry.add_app(app, *given)
        issued = await self.running.registry.add_workspace(name, apps, forward=set_up.forward)
        self._secrets[name] = issued.secret.reveal()

    async def push(self, name: str, device: int = 0) -> str:
        """Send to one of a set-up's devices; return the status and the code."""
        self.running.secret = self._secrets[name]
        answer = await self.running.push(self.platform, message(self._token(name, device), topic=f"com.example.{name}"))
        return f"{answer.status} {answer.code}"

    async def death(self, name: str, device: int = 0) -> str | None:
        """Return why one of a set-up's devices is dead; None: it lives, or no provider was asked about it."""
        gateway = self.running.gateway
        known = await gateway.devices.known(device_hash(gateway.vault, self._token(name, device)))
        return known.dead_reason if known is not None and known.dead_since is not None else None

    def _token(self, name: str, device: int) -> str:
        digits = f"{name}-{device}".encode().hex()
        return digits.rjust(64, "0") if self.platform == "apn" else f"fcmtok:{digits.rjust(30, '0')}"

    async def outcomes(self, set_ups: dict[str, SetUp], row: Row) -> dict[str, tuple[str, str | None]]:
        """Push once with every set-up; return what was answered, and why the device is dead."""
        found = {}
        for name, set_up in set_ups.items():
            self.simulator.set_rules([row.rule(**set_up.only)])
            found[name] = await self.push(name), await self.death(name)
        return found

    async def many(self, row: Row) -> str:
        """Let many devices of one app get the answer; return what that has led to."""
        self.simulator.set_rules([row.rule()])
        answers = [await self.push("many", device) for device in range(MANY + 1)]
        notices = self.running.gateway.notices.all()
        tripped = [(one.subject, one.about) for one in notices if one.kind is NoticeKind.GUARD_TRIPPED]
        if tripped:
            assert tripped == [("many 0", row.cells["answered"].split()[1])]
            assert (answers[-1], await self.death("many", MANY)) == ("422 guard_tripped", None)
            return "trips"
        return "rests" if Lane("many 0", self.provider) in self.running.gateway.owed.breakers.resting() else ""


@pytest.fixture
def settings(simulator: Simulator, official: Official) -> Settings:
    settings = settings_of(simulator)
    forwarding = msgspec.structs.replace(settings.forwarding, url=official.url)
    return msgspec.structs.replace(
        settings, forwarding=forwarding, guard=GuardSettings(tokens=MANY, unregistered_tokens=MANY)
    )


@pytest.fixture
async def running(simulator: Simulator, settings: Settings) -> AsyncIterator[Running]:
    async with AsyncExitStack() as cleanup:
        yield await start_gateway(simulator, cleanup, settings)


def expected(set_ups: dict[str, SetUp], row: Row) -> dict[str, tuple[str, str | None]]:
    cells = {name: row.cell(set_up.column) for name, set_up in set_ups.items()}
    return {name: (cell, cell.split()[1] if cell.startswith("406 ") else None) for name, cell in cells.items()}


async def check(matrix: Matrix, set_ups: dict[str, SetUp], row: Row) -> None:
    await matrix.prepare({**set_ups, "many": SetUp("many")})
    assert await matrix.outcomes(set_ups, row) == expected(set_ups, row)
    assert await matrix.many(row) == row.cells.get("many", "")


@pytest.mark.parametrize("row", rows(APPLE), ids=lambda row: row.says)
async def test_apple_says(running: Running, row: Row) -> None:
    await check(Matrix(running, "apn"), APPLE_SET_UPS, row)


@pytest.mark.parametrize("row", rows(GOOGLE), ids=lambda row: row.says)
async def test_google_says(running: Running, row: Row) -> None:
    first = SetUp("first app only", apps=2, only={"times": 2 if row.says in ASKED_TWICE else 1})
    await check(Matrix(running, "gcm"), {**GOOGLE_SET_UPS, "first": first}, row)


def test_every_answer_known_has_its_row() -> None:
    assert {row.says.split()[1] for row in rows(APPLE)} == {*APPLE_ANSWERS, "SomethingNew"}
    codes = {row.cells["answered"].split()[1] for row in rows(GOOGLE)}
    assert codes == {reason.value for _, reason in GOOGLE_ANSWERS} | {"fcm_invalid_token", "fcm_unknown_answer"}
