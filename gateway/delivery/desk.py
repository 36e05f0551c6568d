"""Where an admitted workspace hands in a push, in Rocket.Chat's own words."""

from collections.abc import Awaitable, Callable

import msgspec

from gateway.delivery.admission import pinned_elsewhere
from gateway.delivery.allowance import Allowance
from gateway.delivery.dispatcher import Dispatcher
from gateway.delivery.duplicates import Duplicates
from gateway.delivery.forwarding import Forwarding
from gateway.delivery.push import Original, Push, Report, identified
from gateway.delivery.snapshot import Member
from gateway.model.clock import Clock
from gateway.model.notification import Notification, Platform
from gateway.model.outcome import Outcome
from gateway.model.workspace import Content
from gateway.rocketchat.privacy import rewritten
from gateway.rocketchat.request import read_request
from gateway.store.crypto import Vault


class Desk:
    """Reads a request's body and sees the push through to its outcome."""

    def __init__(
        self,
        allowance: Allowance,
        duplicates: Duplicates,
        forwarding: Forwarding,
        dispatcher: Dispatcher,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._allowance = allowance
        self._duplicates = duplicates
        self._forwarding = forwarding
        self._dispatcher = dispatcher
        self._vault = vault
        self._clock = clock

    async def take(
        self, member: Member, original: Original, platform: Platform, push_id: str, answer_by: float
    ) -> Report:
        """Send, store or forward what a request asks for on behalf of `member`; `push_id` is a new canonical UUID.

        `answer_by` is when the server stops waiting, in seconds of the monotonic clock.
        """

        async def deliver(push: Push, body: bytes) -> Report:
            seen = msgspec.structs.replace(original, body=body)
            return await self._duplicates.once(push, lambda: self._deliver(push, seen, answer_by))

        return await self._read(member, original.body, platform, push_id, deliver)

    async def _deliver(self, push: Push, original: Original, answer_by: float) -> Report:
        refusal = self._allowance.of_month(push)
        return Report(refusal, push) if refusal else await self._forwarding.deliver(push, original, answer_by)

    async def attempt(self, member: Member, body: bytes, platform: Platform, push_id: str, answer_by: float) -> Report:
        """Send what `body` asks for and wait for what the provider says; nothing is stored or forwarded. See `take`."""

        async def deliver(push: Push, _body: bytes) -> Report:
            return await self._dispatcher.attempt(push, answer_by)

        return await self._read(member, body, platform, push_id, deliver)

    async def _read(
        self,
        member: Member,
        body: bytes,
        platform: Platform,
        push_id: str,
        deliver: Callable[[Push, bytes], Awaitable[Report]],
    ) -> Report:
        workspace, now = member.workspace, self._clock.now()
        received = read_request(body, platform, push_id, now)
        if isinstance(received, Outcome):
            return Report(received)
        seen: Notification | Outcome = received
        if workspace.content is not Content.FULL:
            body = rewritten(body, received.kind, workspace.content, workspace.fixed_text)
            seen = read_request(body, platform, push_id, now)
        if isinstance(seen, Outcome):
            return Report(seen)
        notification = msgspec.structs.replace(seen, fixed_text=workspace.fixed_text)
        push = msgspec.structs.replace(identified(member, received, self._vault), notification=notification)
        barred = pinned_elsewhere(workspace, notification)
        return Report(barred, push) if barred else await deliver(push, body)
