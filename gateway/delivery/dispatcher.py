"""Takes one push along its routes until a provider's verdict stands."""

import msgspec

from gateway.delivery.follower import Follower
from gateway.delivery.gone import Gone
from gateway.delivery.guard import Proofs, judge
from gateway.delivery.snapshot import Member, Route
from gateway.model.app import ApnsCredentials
from gateway.model.clock import Clock
from gateway.model.errors import StoreError
from gateway.model.notification import Kind, Notification, Platform
from gateway.model.outcome import Later, Outcome, Rejected
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.observability.metrics import Metrics
from gateway.providers.providers import Providers

_LEAVES_HOPE = {VerdictKind.FOREIGN: 0, VerdictKind.SUSPECT: 2, VerdictKind.CREDENTIALS_REFUSED: 3}
"""How much a verdict says that leaves hope in another route; all others end the search."""

_OTHER_ENVIRONMENT_ONLY = (
    Reason.APNS_BAD_ENVIRONMENT_KEY_ID_IN_TOKEN,
    Reason.APNS_BAD_CERTIFICATE_ENVIRONMENT,
)


class Report(msgspec.Struct, frozen=True):
    """What became of a request: the push it held, the app it went through, what the provider said last.

    `attempts` counts how often a provider was asked, `environment` is which of Apple's two it was.
    """

    outcome: Outcome
    notification: Notification | None = None
    app: str | None = None
    verdict: Verdict | None = None
    attempts: int = 0
    environment: str | None = None


class Dispatcher:
    """Delivers pushes: routing, the attempt, the judgement."""

    def __init__(
        self,
        follower: Follower,
        providers: Providers,
        proofs: Proofs,
        gone: Gone,
        metrics: Metrics,
        clock: Clock,
        timeout: float,
    ) -> None:
        self._follower = follower
        self._providers = providers
        self._proofs = proofs
        self._gone = gone
        self._metrics = metrics
        self._clock = clock
        self._timeout = timeout

    async def deliver(self, member: Member, notification: Notification, answer_by: float) -> Report:
        """Send one push by the first of its routes that knows the device.

        Args:
            member: on whose behalf.
            notification: the push.
            answer_by: until when, in seconds of the monotonic clock; no attempt outlasts it.
        """
        routes = await self._routes(member, notification)
        if isinstance(routes, Outcome):
            return Report(routes, notification)
        return await self._along(routes, notification, answer_by)

    async def _routes(self, member: Member, notification: Notification) -> tuple[Route, ...] | Outcome:
        """Find the ways for a push; as a 422 is final, the store is asked before none is said to exist."""
        if notification.platform is Platform.APN and not notification.topic:
            return Rejected(Reason.TOPIC_MISSING)
        routes = member.routes(notification)
        if routes:
            return routes
        try:
            return await self._routes_now(member, notification) or Rejected(_no_route(notification))
        except StoreError:
            return Later(Reason.STORE_UNAVAILABLE)

    async def _routes_now(self, member: Member, notification: Notification) -> tuple[Route, ...]:
        name = member.workspace.name
        await self._follower.look_again(f"{name}\0{notification.app_topic or notification.platform}")
        newest = self._follower.snapshot.by_name(name) if self._follower.snapshot else None
        return newest.routes(notification) if newest else ()

    async def _along(self, routes: tuple[Route, ...], notification: Notification, answer_by: float) -> Report:
        tried: list[tuple[Route, Verdict]] = []
        attempts = 0
        for route in routes:
            verdict = self._too_late(notification, answer_by)
            if verdict is None:
                verdict = await self._attempt(route, notification, answer_by)
                attempts += 1
            tried.append((route, verdict))
            if verdict.kind not in _LEAVES_HOPE:
                break
        route, verdict = max(tried, key=lambda attempt: _weight(attempt[1]))
        judged = all(verdict.kind is VerdictKind.SUSPECT for _, verdict in tried)
        proven = judged and self._proven([route for route, _ in tried])
        outcome = await self._gone.confirmed(judge(verdict, proven), notification, answer_by)
        return Report(outcome, notification, route.app, verdict, attempts, _environment(route))

    def _too_late(self, notification: Notification, answer_by: float) -> Verdict | None:
        """Stop when the server no longer waits, or a ring would be a phantom call."""
        if notification.kind is Kind.VOIP_RING and self._clock.now() >= notification.expires_at:
            return Verdict(VerdictKind.REFUSED, Reason.VOIP_EXPIRED)
        if self._clock.monotonic() >= answer_by:
            return Verdict(VerdictKind.LATER, Reason.OUT_OF_TIME)
        return None

    async def _attempt(self, route: Route, notification: Notification, answer_by: float) -> Verdict:
        timeout = min(self._timeout, answer_by - self._clock.monotonic())
        with self._metrics.provider_request(notification.platform.provider):
            verdict = await self._providers.send(notification, route.credentials, timeout)
        if verdict.kind is VerdictKind.ACCEPTED:
            self._proofs.add(route.credentials.fingerprint)
        return verdict

    def _proven(self, routes: list[Route]) -> bool:
        """Tell whether every app asked has delivered before; of an app's two environments one is enough."""
        prints: dict[str, list[str]] = {}
        for route in routes:
            prints.setdefault(route.app, []).append(route.credentials.fingerprint)
        return all(self._proofs.has_any(own) for own in prints.values())


def _environment(route: Route) -> str | None:
    credentials = route.credentials
    return credentials.environment.value if isinstance(credentials, ApnsCredentials) else None


def _weight(verdict: Verdict) -> int:
    """Of several verdicts take the most telling; that a key is not for this environment tells nothing of the push."""
    return 1 if verdict.reason in _OTHER_ENVIRONMENT_ONLY else _LEAVES_HOPE.get(verdict.kind, 4)


def _no_route(notification: Notification) -> Reason:
    return Reason.UNKNOWN_TOPIC if notification.platform is Platform.APN else Reason.NO_APP_FOR_PLATFORM
