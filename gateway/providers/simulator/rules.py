"""Verdicts made to order: what the services shall say of the next pushes."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from gateway.providers.simulator.exchange import NOT_PROCESSED, UNANSWERED, Fault
from gateway.providers.simulator.json_body import decode_json, locate

Platform = Literal["apns", "fcm"]
Environment = Literal["production", "sandbox"]
_WINDOW_SHUT_MS = 1000
_FIELD_FIRST = re.compile(r"^(?P<field>[a-z_]+): (?P<what>.*)$", re.DOTALL)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to say of pushes that match.

    Every field is optional; a rule without any matches all pushes and changes nothing. A rule speaks as the service's
    verdict, before and instead of its own checks.

    Raises:
        ValueError: fields contradict each other; the message begins with the field's name.
    """

    platform: Platform | None = None
    """Pushes of this service only."""
    environment: Environment | None = None
    """APNs pushes to this one of Apple's hosts only."""
    token_prefix: str | None = None
    """Pushes to device tokens that begin so only (as sent, upper and lower case apart)."""
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    """The HTTP status to answer; 200 accepts without any check. None: the reason's, else the normal answer."""
    reason: Annotated[str, msgspec.Meta(pattern="^[A-Za-z_]{1,64}$")] | None = None
    """Apple's reason or Google's error code; None: the usual one of the status."""
    timestamp: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """On Apple's 410, since when the token is dead (UNIX milliseconds); None: now."""
    h2: Fault | None = None
    """What goes wrong on the HTTP/2 connection; README.md tells of each fault."""
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] | None = None
    """Milliseconds to wait before the answer, or before what comes in its place."""
    retry_after: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Seconds to say in a Retry-After header."""
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    """Which part of the pushes the rule is for, each one drawn by lot; None: all. The others go on to the next rule."""
    times: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """How many pushes the rule is for; None: all."""

    def __post_init__(self) -> None:
        if self.status is not None and self.status != 200 and self.status < 400:
            raise ValueError("status: expected 200, or 400 to 599")
        if self.environment is not None and self.platform == "fcm":
            raise ValueError("environment: only APNs has two")
        if self.h2 in UNANSWERED and self.status is not None:
            raise ValueError(f"status: {self.h2} leaves no answer to have one")
        if self.h2 in UNANSWERED and self.reason is not None:
            raise ValueError(f"reason: {self.h2} leaves no answer to have one")
        if self.h2 == "html" and self.status in (None, 200):
            raise ValueError("status: html needs one from 400 to 599")
        if self.h2 == "html" and self.reason is not None:
            raise ValueError("reason: html has none")

    @property
    def refuses(self) -> bool:
        """Tell whether it orders a refusal; a reason alone does, with the status that goes with it."""
        return self.status != 200 and (self.status is not None or self.reason is not None)

    @property
    def lets_through(self) -> bool:
        """Tell whether the service gets to see the push at all."""
        return self.h2 not in NOT_PROCESSED

    @property
    def delay(self) -> float:
        """Seconds that the answer is held back, or, with `window0`, that the window stays shut."""
        usual = _WINDOW_SHUT_MS if self.h2 == "window0" else 0
        return (usual if self.delay_ms is None else self.delay_ms) / 1000


class BadRules(ValueError):
    """A list of rules that cannot be taken; `item` is the position of the bad one, `field` its bad field."""

    def __init__(self, what: str, item: int | None = None, field: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.item = item
        self.field = field


def parse_rules(body: bytes) -> list[Rule]:
    """Read a JSON array of rules.

    Raises:
        BadRules: it is none; nothing of it has been taken.
    """
    try:
        items = decode_json(body)
    except ValueError as error:
        raise BadRules(str(error)) from None
    if not isinstance(items, list):
        raise BadRules("expected an array of rules")
    return [_parse_rule(position, item) for position, item in enumerate(items)]


def _parse_rule(position: int, item: object) -> Rule:
    try:
        return msgspec.convert(item, Rule)
    except msgspec.ValidationError as error:
        field, what = locate(error)
        contradiction = _FIELD_FIRST.match(what)
        if contradiction:
            field, what = contradiction["field"], contradiction["what"]
        raise BadRules(what, position, field) from None


@dataclass
class _Standing:
    rule: Rule
    left: int | None

    def takes(self, platform: Platform, token: str, environment: Environment | None) -> bool:
        rule = self.rule
        return (
            self.left != 0
            and rule.platform in (None, platform)
            and rule.environment in (None, environment)
            and token.startswith(rule.token_prefix or "")
        )

    def is_drawn(self, lot: float) -> bool:
        return self.rule.share is None or lot < self.rule.share


class Rules:
    """The rules in force, in their order; `chance` draws the lots for those that are for a share of the pushes."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()  # noqa: S311 - no secret
        self._standing: list[_Standing] = []

    def replace(self, rules: Sequence[Rule]) -> None:
        """Put these in the place of all earlier ones."""
        self._standing = [_Standing(rule, rule.times) for rule in rules]

    def current(self) -> list[Rule]:
        """The rules with what is left of their `times`."""
        return [msgspec.structs.replace(standing.rule, times=standing.left) for standing in self._standing]

    def match(self, platform: Platform, token: str, environment: Environment | None = None) -> Rule | None:
        """Find the first rule for this push and count it as used."""
        for standing in self._standing:
            if standing.takes(platform, token, environment) and standing.is_drawn(self._chance.random()):
                if standing.left is not None:
                    standing.left -= 1
                return standing.rule
        return None
