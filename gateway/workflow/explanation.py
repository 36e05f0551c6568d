"""A decision that explains itself: what becomes of a notification, by which rules, and when."""

from enum import StrEnum

import msgspec

from gateway.model.notification_rules import NotificationRules, Rule
from gateway.workflow.rules import Finding, findings, reasons
from gateway.workflow.situation import Situation
from gateway.workflow.timing import delay


class Fate(StrEnum):
    """What becomes of a notification."""

    SENT = "sent"
    SCHEDULED = "scheduled"
    SKIPPED = "skipped"


class Explanation(msgspec.Struct, frozen=True, rename="camel"):
    """What becomes of one receiver's notification, and what every rule says.

    `reasons` are all rules that stop it, the deciding one first; `due_in` is in how many seconds it is sent, None
    where it is not.
    """

    receiver: str
    decision: Fate
    reasons: tuple[Rule, ...]
    due_in: float | None
    rules: tuple[Finding, ...]


def explained(situation: Situation, rules: NotificationRules, now: float) -> Explanation:
    """Decide on a notification at `now` (UNIX seconds)."""
    found = findings(situation, rules)
    why_not = reasons(found)
    wait = delay(situation.receiver, now, rules.online_delay)
    fate = Fate.SKIPPED if why_not else Fate.SCHEDULED if wait else Fate.SENT
    return Explanation(situation.receiver.id, fate, why_not, None if why_not else wait, found)
