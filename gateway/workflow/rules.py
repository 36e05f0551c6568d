"""Whether a receiver is notified of a message, and why not.

The rules are Rocket.Chat's (its guide to push notifications, "Notifications are not sent when"), one function each.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from gateway.model.notification_rules import NotificationRules, Rule
from gateway.workflow.situation import Preference, Situation, Status


class Verdict(StrEnum):
    """What a rule says."""

    PASSES = "passes"
    STOPS = "stops"
    LIFTED = "lifted"
    """It would stop the notification, were the receiver not meant in person."""
    OFF = "off"


class Finding(msgspec.Struct, frozen=True):
    """What one rule says, and a sentence for people."""

    rule: Rule
    verdict: Verdict
    sentence: str


class _Entry(NamedTuple):
    """One rule: when it applies, what is then to be said and what else, and whether a personal mention lifts it."""

    applies: Callable[[Situation, NotificationRules], bool]
    stops: str
    passes: str
    is_lifted: bool = False


def room_notifications_disabled(situation: Situation, _rules: NotificationRules) -> bool:
    """Tell whether the receiver has switched the room's notifications off."""
    return situation.receiver.preferences.room_notifications_disabled


def sender_ignored(situation: Situation, _rules: NotificationRules) -> bool:
    """Tell whether the receiver ignores the sender."""
    return situation.message.sender in situation.receiver.preferences.ignored_senders


def group_mentions_disabled(situation: Situation, _rules: NotificationRules) -> bool:
    """Tell whether the message is only for everybody, which the receiver has muted."""
    return situation.message.mentions.group and situation.receiver.preferences.mute_group_mentions


def receiver_inactive(situation: Situation, _rules: NotificationRules) -> bool:
    """Tell whether the receiver's account is not active."""
    return not situation.receiver.active


def receiver_busy(situation: Situation, _rules: NotificationRules) -> bool:
    """Tell whether the receiver's status is Busy."""
    return situation.receiver.status is Status.BUSY


def not_connected(situation: Situation, _rules: NotificationRules) -> bool:
    """Tell whether the receiver's notifications go neither to desktop nor to mobile."""
    preferences = situation.receiver.preferences
    return not (preferences.desktop or preferences.mobile)


def always_mobile_off(situation: Situation, _rules: NotificationRules) -> bool:
    """Tell whether the receiver does not always want mobile notifications."""
    return not situation.receiver.preferences.always_notify_mobile


def preference_nothing(situation: Situation, _rules: NotificationRules) -> bool:
    """Tell whether the receiver wants nothing in this room, by its own setting or by the default."""
    return situation.receiver.preferences.in_room is Preference.NOTHING


def room_too_large(situation: Situation, rules: NotificationRules) -> bool:
    """Tell whether the room has more members than rooms with notifications may have."""
    return 0 < rules.member_limit < situation.room.member_count


_TABLE = {
    Rule.ROOM_NOTIFICATIONS_DISABLED: _Entry(
        room_notifications_disabled,
        "The receiver has switched the notifications of this room off.",
        "The receiver has the notifications of this room switched on.",
    ),
    Rule.SENDER_IGNORED: _Entry(
        sender_ignored, "The receiver ignores the sender.", "The receiver does not ignore the sender."
    ),
    Rule.GROUP_MENTIONS_DISABLED: _Entry(
        group_mentions_disabled,
        "The message is for everybody (@all or @here), and the receiver has muted that.",
        "The message is not for everybody (@all or @here), or the receiver wants to hear of that.",
        is_lifted=True,
    ),
    Rule.RECEIVER_INACTIVE: _Entry(
        receiver_inactive, "The receiver's account is not active.", "The receiver's account is active."
    ),
    Rule.RECEIVER_BUSY: _Entry(receiver_busy, "The receiver's status is Busy.", "The receiver's status is not Busy."),
    Rule.NOT_CONNECTED: _Entry(
        not_connected,
        "The receiver's notifications are connected neither to desktop nor to mobile.",
        "The receiver's notifications are connected to desktop or mobile.",
    ),
    Rule.ALWAYS_MOBILE_OFF: _Entry(
        always_mobile_off,
        "The receiver does not always want mobile notifications.",
        "The receiver always wants mobile notifications.",
    ),
    Rule.PREFERENCE_NOTHING: _Entry(
        preference_nothing,
        'The receiver has chosen "Nothing" for this room, or by default.',
        "The receiver wants to hear of this room.",
    ),
    Rule.ROOM_TOO_LARGE: _Entry(
        room_too_large,
        "The room has more members than rooms with notifications may have.",
        "The room is not too large for notifications.",
        is_lifted=True,
    ),
}


def findings(situation: Situation, rules: NotificationRules) -> tuple[Finding, ...]:
    """Ask every rule, in their order. The first that stops the notification is why it is not sent."""
    return tuple(_finding(rule, situation, rules) for rule in Rule)


def reasons(found: tuple[Finding, ...]) -> tuple[Rule, ...]:
    """Name all rules that stop a notification, the deciding one first; none where it is sent."""
    return tuple(finding.rule for finding in found if finding.verdict is Verdict.STOPS)


def _finding(rule: Rule, situation: Situation, rules: NotificationRules) -> Finding:
    entry = _TABLE[rule]
    if rule in rules.off:
        return Finding(rule, Verdict.OFF, "This workspace does not ask this rule.")
    if not entry.applies(situation, rules):
        return Finding(rule, Verdict.PASSES, entry.passes)
    if entry.is_lifted and situation.message.mentions.personal:
        return Finding(rule, Verdict.LIFTED, f"{entry.stops} But the receiver is meant in person.")
    return Finding(rule, Verdict.STOPS, entry.stops)
