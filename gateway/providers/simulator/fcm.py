"""Google's push service (FCM HTTP v1), with its OAuth endpoint on the same door."""

import re
import secrets
from dataclasses import replace

import msgspec

from gateway.model.clock import Clock
from gateway.providers.simulator.exchange import Answer, Request
from gateway.providers.simulator.fcm_errors import (
    KINDS,
    FcmRefused,
    error_body,
    refusal_to_order,
    usual_reason,
    usual_status,
)
from gateway.providers.simulator.fcm_schema import check_send_request
from gateway.providers.simulator.json_body import read_object
from gateway.providers.simulator.ledger import Ledger, Received, shown_headers
from gateway.providers.simulator.oauth import OAuth
from gateway.providers.simulator.rules import Rule, Rules

BODY_LIMIT = 64 * 1024
STREAMS = 100

_SEND = re.compile(r"/v1/projects/(?P<project>[^/]+)/messages:send")
_JSON = ("content-type", "application/json; charset=UTF-8")


def first_stream_limit(certificate: bytes | None) -> int:
    """Google allows the same from the first request on."""
    return STREAMS


class FcmDoor:
    """Answers sends like Google, by the rules first, else by its own checks."""

    def __init__(self, oauth: OAuth, project_id: str, rules: Rules, ledger: Ledger, clock: Clock) -> None:
        self._oauth = oauth
        self._project_id = project_id
        self._rules = rules
        self._ledger = ledger
        self._clock = clock

    async def answer(self, request: Request) -> Answer:
        """Answer whatever is asked of this door."""
        if request.path == "/token":
            return self._oauth.answer(request)
        route = _SEND.fullmatch(request.path)
        if route is None or request.method != "POST":
            return Answer(404, (_JSON,), error_body(FcmRefused("NOT_FOUND"), 404))
        return self._send(request, route["project"])

    def _send(self, request: Request, project: str) -> Answer:
        """Judge and record a push when it arrives; a rule's delay holds back the answer only."""
        now = self._clock.now()
        body = read_object(request.body)
        token = _token(body)
        rule = self._rules.match("fcm", token) or Rule()
        refused, status = self._verdict(request, project, body, rule)
        dry = body is not None and body.get("validate_only") is True
        entry = Received(
            at=now,
            platform="fcm",
            token=token,
            headers=shown_headers(request.headers),
            raw_payload=msgspec.Raw(msgspec.json.encode(body.get("message") if body else None)),
            status=status,
            reason=refused.reason if refused else None,
            h2=rule.h2 or msgspec.UNSET,
            validate_only=dry,
        )
        if rule.lets_through:
            self._ledger.add(entry)
        answer = _refusal(refused, status, rule) if refused else self._success(dry)
        return replace(answer, stream_limit=STREAMS, delay=rule.delay, fault=rule.h2)

    def _verdict(
        self, request: Request, project: str, body: dict[str, object] | None, rule: Rule
    ) -> tuple[FcmRefused | None, int]:
        if rule.status == 200:
            return None, 200
        if rule.refuses:
            status = rule.status or usual_status(rule.reason or "")
            return refusal_to_order(rule.reason or usual_reason(status), status), status
        try:
            self._check(request, project, body)
        except FcmRefused as refused:
            return refused, KINDS[refused.reason].status
        return None, 200

    def _check(self, request: Request, project: str, body: dict[str, object] | None) -> None:
        if not self._oauth.accepts(request.header("authorization")):
            raise FcmRefused("UNAUTHENTICATED")
        if project != self._project_id:
            raise FcmRefused("NOT_FOUND")
        if request.oversized:
            raise FcmRefused("INVALID_ARGUMENT", ("", "Request payload size exceeds the limit."))
        if body is None:
            raise FcmRefused("INVALID_ARGUMENT", ("", "Invalid JSON payload received."))
        check_send_request(body)

    def _success(self, dry: bool) -> Answer:
        message_id = "fake_message_id" if dry else f"0:{secrets.token_hex(16)}"
        name = f"projects/{self._project_id}/messages/{message_id}"
        return Answer(200, (_JSON,), msgspec.json.encode({"name": name}))


def _token(body: dict[str, object] | None) -> str:
    message = (body or {}).get("message")
    token = message.get("token") if isinstance(message, dict) else None
    return token if isinstance(token, str) else ""


def _refusal(refused: FcmRefused, status: int, rule: Rule) -> Answer:
    retry = (("retry-after", str(rule.retry_after)),) if rule.retry_after is not None else ()
    return Answer(status, (_JSON, *retry), error_body(refused, status))
