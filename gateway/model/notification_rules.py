"""The notification rules of a workspace: which are on, and the numbers in them."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class Rule(StrEnum):
    """Why a notification is not sent, in the order in which the rules are asked."""

    ROOM_NOTIFICATIONS_DISABLED = "room_notifications_disabled"
    SENDER_IGNORED = "sender_ignored"
    GROUP_MENTIONS_DISABLED = "group_mentions_disabled"
    RECEIVER_INACTIVE = "receiver_inactive"
    RECEIVER_BUSY = "receiver_busy"
    NOT_CONNECTED = "not_connected"
    ALWAYS_MOBILE_OFF = "always_mobile_off"
    PREFERENCE_NOTHING = "preference_nothing"
    ROOM_TOO_LARGE = "room_too_large"


MOST_MEMBERS = 1_000_000
LONGEST_DELAY = 3600.0
"""Seconds."""


class NotificationRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a workspace has chosen.

    `off` are the rules that are not asked. The rule about always notifying the mobile is off unless it is switched on:
    a message to somebody online would be dropped by it, where the queue lets it wait. `member_limit` is the number of
    members above which a room is silent, 0 for none; `online_delay` how long a message waits for somebody who is
    online to read it, in seconds.
    """

    off: tuple[Rule, ...] = (Rule.ALWAYS_MOBILE_OFF,)
    member_limit: Annotated[int, Meta(ge=0, le=MOST_MEMBERS)] = 100
    online_delay: Annotated[float, Meta(ge=0, le=LONGEST_DELAY)] = 120.0


def in_order(rules: NotificationRules) -> NotificationRules:
    """Name the rules that are off once each, in their order, so that what is the same looks the same."""
    return msgspec.structs.replace(rules, off=tuple(rule for rule in Rule if rule in rules.off))
