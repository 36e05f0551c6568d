"""Where an admitted workspace hands in a push, in Rocket.Chat's own words."""

from gateway.delivery.admission import pinned_elsewhere
from gateway.delivery.dispatcher import Dispatcher, Report
from gateway.delivery.snapshot import Member
from gateway.model.clock import Clock
from gateway.model.notification import Platform
from gateway.model.outcome import Outcome
from gateway.rocketchat.request import read_request


class Desk:
    """Reads a request's body and sees the push through to its outcome."""

    def __init__(self, dispatcher: Dispatcher, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._clock = clock

    async def take(self, member: Member, body: bytes, platform: Platform, push_id: str, answer_by: float) -> Report:
        """Send what `body` asks for on behalf of `member`; `push_id` is a new canonical UUID.

        `answer_by` is when the server stops waiting, in seconds of the monotonic clock.
        """
        read = read_request(body, platform, push_id, self._clock.now())
        if isinstance(read, Outcome):
            return Report(read)
        barred = pinned_elsewhere(member.workspace, read)
        return Report(barred, read) if barred else await self._dispatcher.deliver(member, read, answer_by)
