"""The notification API: Rocket.Chat's rules, for servers without them and for whoever asks why a phone is silent."""

from collections.abc import Sequence

import msgspec
from aiohttp import hdrs, web

from gateway.delivery.admission import Admission
from gateway.delivery.allowance import Allowance
from gateway.delivery.snapshot import Member
from gateway.model.address import Network
from gateway.model.clock import Clock
from gateway.model.outcome import Outcome, Rejected
from gateway.model.reason import Reason
from gateway.rocketchat.answer import retry_after, status_of
from gateway.web.body import read_body
from gateway.web.problem_document import invalid, problem
from gateway.web.sender import sender_of
from gateway.workflow.explanation import Explanation, explained
from gateway.workflow.situation import Request

MAX_REQUEST = 1024 * 1024
"""Octets of a request's body: 500 receivers with their preferences."""
_OWN_TEXTS = {
    Reason.SECRET_MISSING: "Send the workspace's secret as a bearer: Authorization: Bearer <secret>.",
    Reason.WORKSPACE_UNKNOWN: "No workspace has this secret; `push-gateway workspace rotate NAME` makes a new one.",
    Reason.BODY_TOO_LARGE: "The body is larger than 1 MiB; ask about fewer receivers at a time.",
}
"""For what reads otherwise of a push."""


class Explanations(msgspec.Struct, frozen=True):
    """The answer to a question why: one explanation a receiver, in their order."""

    explanations: list[Explanation]


class NotificationDoor:
    """Answers who shows a workspace's secret as a bearer."""

    def __init__(
        self, admission: Admission, allowance: Allowance, clock: Clock, trusted_proxies: Sequence[Network]
    ) -> None:
        self._admission = admission
        self._allowance = allowance
        self._clock = clock
        self._trusted_proxies = trusted_proxies

    async def explain(self, request: web.Request) -> web.Response:
        """Say of every receiver whether it would be notified, why not, and when; nothing is sent."""
        if request.method != hdrs.METH_POST:
            return problem(405, "method_not_allowed", "Ask with POST.", headers={hdrs.ALLOW: hdrs.METH_POST})
        sender = sender_of(request)
        member = await self._admission.admit(sender.bearer, sender.address(self._trusted_proxies))
        if isinstance(member, Outcome):
            await read_body(request, self._clock, MAX_REQUEST)  # to close on unread data is to reset the connection
            return _refused(member)
        with self._allowance.place(member.workspace) as refusal:
            body = await read_body(request, self._clock, MAX_REQUEST)
            return _refused(refusal) if refusal else self._explained(member, body)

    def _explained(self, member: Member, body: bytes | Rejected) -> web.Response:
        if isinstance(body, Outcome):
            return _refused(body)
        try:
            asked = msgspec.json.decode(body, type=Request)
        except ValueError as error:
            return invalid(error)
        now = self._clock.now()
        found = [explained(situation, member.workspace.rules, now) for situation in asked.situations()]
        return web.Response(body=msgspec.json.encode(Explanations(found)), content_type="application/json")


def _refused(outcome: Outcome) -> web.Response:
    status = 413 if outcome.reason is Reason.BODY_TOO_LARGE else status_of(outcome)
    text = _OWN_TEXTS.get(outcome.reason, outcome.text)
    return problem(status, outcome.reason.value, text, headers=retry_after(outcome))
