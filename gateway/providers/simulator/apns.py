"""Apple's push service: one door for each of its two hosts."""

from dataclasses import replace
from uuid import uuid4

import msgspec

from gateway.model.clock import Clock
from gateway.providers.simulator.apns_checks import (
    check_headers,
    check_payload,
    check_route,
    check_token,
    check_topic,
    is_message_id,
    token_of,
)
from gateway.providers.simulator.apns_reasons import STATUS_OF, Refused, usual_reason
from gateway.providers.simulator.apple_certificate import AppleCertificate
from gateway.providers.simulator.exchange import Answer, Request, Sender
from gateway.providers.simulator.json_body import read_object
from gateway.providers.simulator.ledger import Ledger, Received, shown_headers
from gateway.providers.simulator.provider_tokens import ProviderTokens
from gateway.providers.simulator.rules import Environment, Rule, Rules

BODY_LIMIT = 16 * 1024
STREAMS = 1000
"""What a connection may have open at once after it has shown who it is."""


class ErrorBody(msgspec.Struct, omit_defaults=True):
    """Apple's error JSON."""

    reason: str
    timestamp: int | None = None
    """On 410: since when the token is dead, UNIX milliseconds."""


def first_stream_limit(certificate: bytes | None) -> int:
    """Like Apple: one stream at a time until a provider token was accepted; a certificate speaks for itself."""
    return 1 if certificate is None else STREAMS


class ApnsDoor:
    """Answers pushes like one of Apple's hosts, by the rules first, else by its own checks."""

    def __init__(
        self, environment: Environment, tokens: ProviderTokens, rules: Rules, ledger: Ledger, clock: Clock
    ) -> None:
        self._environment = environment
        self._tokens = tokens
        self._rules = rules
        self._ledger = ledger
        self._clock = clock
        self._certificates: dict[bytes, AppleCertificate] = {}

    async def answer(self, request: Request) -> Answer:
        """Judge and record a push when it arrives; a rule's delay holds back the answer only."""
        now = self._clock.now()
        token = token_of(request.path)
        certificate = self._certificate(request.connection)
        impostor = self._impostor(request, certificate)
        rule = self._rules.match("apns", token, self._environment) or Rule()
        reason = self._reason(request, certificate, impostor)
        status = STATUS_OF[reason] if reason else 200
        if rule.status == 200:
            status, reason = 200, None
        elif rule.refuses:
            status = rule.status or STATUS_OF.get(rule.reason or "", 400)
            reason = rule.reason or usual_reason(status)
        apns_id = _apns_id(request)
        if rule.lets_through:
            self._record(now, request, status, reason, apns_id, rule)
        limit = STREAMS if impostor is None else None
        answer = _answer(status, reason, apns_id, rule, now)
        return replace(answer, stream_limit=limit, delay=rule.delay, fault=rule.h2)

    def _certificate(self, connection: Sender) -> AppleCertificate | None:
        der = connection.peer_certificate
        if der is None:
            return None
        if der not in self._certificates:
            self._certificates[der] = AppleCertificate.read(der)
        return self._certificates[der]

    def _impostor(self, request: Request, certificate: AppleCertificate | None) -> str | None:
        """Why the caller is not who may send; a certificate makes Apple ignore the provider token."""
        if certificate is not None:
            return None if self._environment in certificate.environments else "BadCertificateEnvironment"
        try:
            self._tokens.check(request.header("authorization"))
        except Refused as refused:
            return refused.reason
        return None

    def _reason(self, request: Request, certificate: AppleCertificate | None, impostor: str | None) -> str | None:
        try:
            check_route(request.method, request.path)
            _stop(impostor)
            headers = check_headers(request.headers)
            check_topic(headers, certificate.topics if certificate else None)
            check_payload(headers, request.body)
            check_token(token_of(request.path))
        except Refused as refused:
            return refused.reason
        return None

    def _record(self, now: float, request: Request, status: int, reason: str | None, apns_id: str, rule: Rule) -> None:
        entry = Received(
            at=now,
            platform="apns",
            environment=self._environment,
            token=token_of(request.path),
            headers=shown_headers(request.headers),
            raw_payload=_payload(request.body),
            status=status,
            reason=reason,
            h2=rule.h2 or msgspec.UNSET,
            apns_id=apns_id,
        )
        self._ledger.add(entry)


def _stop(impostor: str | None) -> None:
    if impostor is not None:
        raise Refused(impostor)


def _payload(body: bytes) -> msgspec.Raw:
    return msgspec.Raw(b"null" if read_object(body) is None else body)


def _apns_id(request: Request) -> str:
    given = request.header("apns-id")
    return given if given is not None and is_message_id(given) else str(uuid4())


def _answer(status: int, reason: str | None, apns_id: str, rule: Rule, now: float) -> Answer:
    headers = [("apns-id", apns_id)]
    if reason is None:
        return Answer(status, tuple(headers))
    headers.append(("content-type", "application/json"))
    if rule.retry_after is not None:
        headers.append(("retry-after", str(rule.retry_after)))
    timestamp = rule.timestamp
    if timestamp is None and status == 410:
        timestamp = int(now * 1000)
    return Answer(status, tuple(headers), msgspec.json.encode(ErrorBody(reason, timestamp)))
