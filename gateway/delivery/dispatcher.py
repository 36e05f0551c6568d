"""Takes one push along its routes until a provider's verdict stands."""

from gateway.delivery.breaker import Breakers
from gateway.delivery.follower import Follower
from gateway.delivery.gone import Gone
from gateway.delivery.guard import Guard
from gateway.delivery.judgement import OTHER_ENVIRONMENT_ONLY
from gateway.delivery.learned_ways import LearnedWays, environment_of
from gateway.delivery.proofs import Proofs
from gateway.delivery.push import Push, Report
from gateway.delivery.snapshot import Member, Route
from gateway.model.clock import Clock
from gateway.model.errors import StoreError
from gateway.model.notification import Notification, Platform
from gateway.model.outbox import Lane
from gateway.model.outcome import Later, Outcome, Rejected
from gateway.model.reason import Reason
from gateway.model.verdict import Verdict, VerdictKind
from gateway.observability.metrics import Metrics
from gateway.providers.providers import Providers

_LEAVES_HOPE = {VerdictKind.FOREIGN: 0, VerdictKind.SUSPECT: 2, VerdictKind.CREDENTIALS_REFUSED: 3}
"""How much a verdict says that leaves hope in another route; all others end the search."""

_KEPT = Verdict(VerdictKind.LATER, Reason.STORED_HELD)
"""What takes the place of an attempt by an app that is on hold: the device may be its."""


class Dispatcher:
    """Attempts pushes: routing, the requests to providers, the judgement."""

    def __init__(
        self,
        follower: Follower,
        providers: Providers,
        proofs: Proofs,
        guard: Guard,
        breakers: Breakers,
        gone: Gone,
        learned: LearnedWays,
        metrics: Metrics,
        clock: Clock,
        timeout: float,
        repeat_unanswered: bool = True,
    ) -> None:
        """Take what is needed; `repeat_unanswered` is whether Google gets a push again whose answer never came."""
        self._follower = follower
        self._providers = providers
        self._proofs = proofs
        self._guard = guard
        self._breakers = breakers
        self._gone = gone
        self._learned = learned
        self._metrics = metrics
        self._clock = clock
        self._timeout = timeout
        self._repeat_unanswered = repeat_unanswered

    async def attempt(self, push: Push, answer_by: float) -> Report:
        """Find the ways for a push and send it by the first that knows the device; see `routes` and `along`."""
        routes = await self.routes(push)
        return Report(routes, push) if isinstance(routes, Outcome) else await self.along(routes, push, answer_by)

    async def routes(self, push: Push) -> tuple[Route, ...] | Outcome:
        """Find the ways for a push, the one first that worked last, those that rest last.

        As a 422 is final, the store is asked before it is said.
        """
        member, notification = push.member, push.notification
        if notification.platform is Platform.APN and not notification.topic:
            return Rejected(Reason.TOPIC_MISSING)
        routes = member.routes(notification)
        if routes:
            return self._resting_last(await self._learned.first(routes, push), notification)
        try:
            return await self._routes_now(member, notification) or Rejected(_no_route(notification))
        except StoreError:
            return Later(Reason.STORE_UNAVAILABLE)

    def _resting_last(self, routes: tuple[Route, ...], notification: Notification) -> tuple[Route, ...]:
        """Keep an app in trouble from hiding the next one, which may be the device's."""
        resting = self._breakers.resting()
        if not resting:
            return routes
        return tuple(sorted(routes, key=lambda route: lane_of(route, notification) in resting))

    async def _routes_now(self, member: Member, notification: Notification) -> tuple[Route, ...]:
        name = member.workspace.name
        await self._follower.look_again(f"{name}\0{notification.app_topic or notification.platform}")
        newest = self._follower.snapshot.by_name(name) if self._follower.snapshot else None
        return newest.routes(notification) if newest else ()

    async def along(self, routes: tuple[Route, ...], push: Push, answer_by: float) -> Report:
        """Send one push by the first of these ways that knows the device.

        Args:
            routes: at least one.
            push: what to send.
            answer_by: until when, in seconds of the monotonic clock; no attempt outlasts it.
        """
        notification = push.notification
        tried: list[tuple[Route, Verdict]] = []
        attempts = 0
        for route in routes:
            verdict = _KEPT if route.held else self._too_late(notification, answer_by)
            if verdict is None:
                verdict = await self._attempt(route, notification, answer_by)
                self._heard(route, routes, notification, verdict)
                attempts += 1
            tried.append((route, verdict))
            if verdict.kind not in _LEAVES_HOPE:
                break
        route, verdict = max(tried, key=lambda attempt: _weight(attempt[1]))
        if verdict.kind is VerdictKind.ACCEPTED and len(routes) > 1:
            self._learned.worked(route, push.device)
        is_suspect = all(verdict.kind is VerdictKind.SUSPECT for _, verdict in tried)
        proven = is_suspect and self._proven([route for route, _ in tried])
        by = [route for route, said in tried if said.reason is verdict.reason]
        judged = self._guard.judged(self._as_configured(verdict), proven, push, by)
        outcome = await self._gone.confirmed(judged, push, answer_by)
        is_foreign = verdict.kind is VerdictKind.FOREIGN
        return Report(outcome, push, route.app, verdict, attempts, environment_of(route), is_foreign)

    def _as_configured(self, verdict: Verdict) -> Verdict:
        """Give a push up of which nobody knows whether Google has it, if it must not be shown twice."""
        if verdict.reason is Reason.FCM_UNANSWERED and not self._repeat_unanswered:
            return Verdict(VerdictKind.REFUSED, verdict.reason, words=verdict.words)
        return verdict

    def _too_late(self, notification: Notification, answer_by: float) -> Verdict | None:
        """Stop when the server no longer waits, or a ring would be a phantom call."""
        if notification.seconds_of_use(self._clock.now()) <= 0:
            return Verdict(VerdictKind.REFUSED, Reason.VOIP_EXPIRED)
        if self._clock.monotonic() >= answer_by:
            return Verdict(VerdictKind.LATER, Reason.OUT_OF_TIME)
        return None

    async def _attempt(self, route: Route, notification: Notification, answer_by: float) -> Verdict:
        useful = notification.seconds_of_use(self._clock.now())
        timeout = min(self._timeout, answer_by - self._clock.monotonic(), useful)
        with self._metrics.provider_request(notification.platform.provider):
            verdict = await self._providers.send(notification, route.credentials, timeout)
        if verdict.kind is VerdictKind.ACCEPTED:
            self._proofs.add(route.credentials.fingerprint)
        return verdict

    def _heard(self, route: Route, routes: tuple[Route, ...], notification: Notification, verdict: Verdict) -> None:
        """Let the lane learn, but not that one of an app's two environments is none of its key's."""
        has_another = sum(other.app == route.app for other in routes) > 1
        if not (has_another and verdict.reason in OTHER_ENVIRONMENT_ONLY):
            self._breakers.heard(lane_of(route, notification), verdict)

    def _proven(self, routes: list[Route]) -> bool:
        """Tell whether every app asked has delivered before; of an app's two environments one is enough."""
        prints: dict[str, list[str]] = {}
        for route in routes:
            prints.setdefault(route.app, []).append(route.credentials.fingerprint)
        return all(self._proofs.has_any(own) for own in prints.values())


def lane_of(route: Route, notification: Notification) -> Lane:
    """Name what fails together with this way."""
    return Lane(route.app, notification.platform.provider)


def _weight(verdict: Verdict) -> int:
    """Of several verdicts take the most telling; that a key is not for this environment tells nothing of the push."""
    return 1 if verdict.reason in OTHER_ENVIRONMENT_ONLY else _LEAVES_HOPE.get(verdict.kind, 4)


def _no_route(notification: Notification) -> Reason:
    return Reason.UNKNOWN_TOPIC if notification.platform is Platform.APN else Reason.NO_APP_FOR_PLATFORM
