"""Whether a receiver is notified: every rule alone, every pair, and what must hold of them all."""

from itertools import combinations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.notification_rules import NotificationRules, Rule, in_order
from gateway.workflow.rules import Verdict, findings, reasons
from gateway.workflow.situation import (
    Mentions,
    Message,
    Preference,
    Preferences,
    Receiver,
    Room,
    Situation,
    Status,
)

ALL_ON = NotificationRules(off=())

Parts = dict[str, dict[str, Any]]

BREACHES: dict[Rule, Parts] = {
    Rule.ROOM_NOTIFICATIONS_DISABLED: {"preferences": {"room_notifications_disabled": True}},
    Rule.SENDER_IGNORED: {"preferences": {"ignored_senders": ("alice",)}},
    Rule.GROUP_MENTIONS_DISABLED: {"preferences": {"mute_group_mentions": True}, "mentions": {"here": True}},
    Rule.RECEIVER_INACTIVE: {"receiver": {"active": False}},
    Rule.RECEIVER_BUSY: {"receiver": {"status": Status.BUSY}},
    Rule.NOT_CONNECTED: {"preferences": {"desktop": False, "mobile": False}},
    Rule.ALWAYS_MOBILE_OFF: {"preferences": {"always_notify_mobile": False}},
    Rule.PREFERENCE_NOTHING: {"preferences": {"room": Preference.NOTHING}},
    Rule.ROOM_TOO_LARGE: {"room": {"member_count": 101}},
}
"""What makes each rule stop a notification, all else being permissive."""


def situation(*parts: Parts) -> Situation:
    """Somebody of whom only this is said."""
    said: Parts = {}
    for part in parts:
        for name, fields in part.items():
            said.setdefault(name, {}).update(fields)
    preferences = Preferences(**said.get("preferences", {}))
    return Situation(
        Receiver(id="bob", preferences=preferences, **said.get("receiver", {})),
        Room(id="GENERAL", **said.get("room", {})),
        Message(id="m1", sender="alice", mentions=Mentions(**said.get("mentions", {}))),
    )


def why_not(asked: Situation, rules: NotificationRules = ALL_ON) -> tuple[Rule, ...]:
    return reasons(findings(asked, rules))


def test_who_says_nothing_is_notified() -> None:
    assert why_not(situation()) == ()


@pytest.mark.parametrize("rule", Rule)
def test_a_rule_alone_stops_a_notification_unless_it_is_off(rule: Rule) -> None:
    asked = situation(BREACHES[rule])
    assert why_not(asked) == (rule,)
    off = NotificationRules(off=(rule,))
    assert why_not(asked, off) == ()
    assert {finding.rule: finding.verdict for finding in findings(asked, off)}[rule] is Verdict.OFF


@pytest.mark.parametrize(("first", "second"), list(combinations(Rule, 2)))
def test_of_two_rules_both_are_told_and_the_first_decides(first: Rule, second: Rule) -> None:
    assert why_not(situation(BREACHES[second], BREACHES[first])) == (first, second)


def test_every_rule_says_why_in_a_sentence_of_its_own() -> None:
    sentences = [finding.sentence for finding in findings(situation(), ALL_ON)]
    sentences += [finding.sentence for finding in findings(situation(*BREACHES.values()), ALL_ON)]
    assert len(set(sentences)) == 2 * len(Rule)


@pytest.mark.parametrize("mention", ["user", "highlight", "thread_reply"])
def test_who_is_meant_in_person_hears_of_it_in_a_large_room_and_beside_a_muted_group(mention: str) -> None:
    lifted = (Rule.GROUP_MENTIONS_DISABLED, Rule.ROOM_TOO_LARGE)
    asked = situation(*BREACHES.values(), {"mentions": {mention: True}})
    found = {finding.rule: finding.verdict for finding in findings(asked, ALL_ON)}
    assert [rule for rule in Rule if found[rule] is Verdict.LIFTED] == list(lifted)
    assert why_not(asked) == tuple(rule for rule in Rule if rule not in lifted)


@pytest.mark.parametrize(
    ("limit", "members", "stops"), [(100, 100, False), (100, 101, True), (0, 1_000_000, False), (1, 2, True)]
)
def test_a_room_is_too_large_above_the_limit_and_never_without_one(limit: int, members: int, stops: bool) -> None:
    rules = NotificationRules(off=(), member_limit=limit)
    assert bool(why_not(situation({"room": {"member_count": members}}), rules)) is stops


@pytest.mark.parametrize(
    ("room", "default", "stops"),
    [
        ("default", "nothing", True),
        ("default", "all", False),
        ("all", "nothing", False),
        ("mentions", "nothing", False),
        ("nothing", "all", True),
    ],
)
def test_the_default_counts_where_the_room_has_no_preference(room: str, default: str, stops: bool) -> None:
    preferences = {"room": Preference(room), "default": Preference(default)}
    assert bool(why_not(situation({"preferences": preferences}))) is stops


@pytest.mark.parametrize("connected", ["desktop", "mobile"])
def test_one_of_desktop_and_mobile_is_connection_enough(connected: str) -> None:
    preferences = {"desktop": False, "mobile": False, connected: True}
    assert why_not(situation({"preferences": preferences})) == ()


def test_by_default_nothing_is_dropped_because_its_receiver_is_there() -> None:
    asked = situation({"receiver": {"status": Status.ONLINE}}, BREACHES[Rule.ALWAYS_MOBILE_OFF])
    assert why_not(asked, NotificationRules()) == ()


def test_rules_that_are_off_are_named_once_each_in_their_order() -> None:
    mixed = NotificationRules(off=(Rule.ROOM_TOO_LARGE, Rule.SENDER_IGNORED, Rule.ROOM_TOO_LARGE))
    assert in_order(mixed).off == (Rule.SENDER_IGNORED, Rule.ROOM_TOO_LARGE)


FLAGS = st.booleans()
SITUATIONS = st.builds(
    Situation,
    st.builds(
        Receiver,
        id=st.just("bob"),
        status=st.sampled_from(Status),
        active=FLAGS,
        preferences=st.builds(
            Preferences,
            room_notifications_disabled=FLAGS,
            ignored_senders=st.sampled_from([(), ("alice",), ("carol",)]),
            mute_group_mentions=FLAGS,
            desktop=FLAGS,
            mobile=FLAGS,
            always_notify_mobile=FLAGS,
            room=st.sampled_from(Preference),
            default=st.sampled_from(Preference),
        ),
    ),
    st.builds(Room, id=st.just("GENERAL"), member_count=st.integers(0, 300)),
    st.builds(
        Message,
        id=st.just("m1"),
        sender=st.just("alice"),
        mentions=st.builds(Mentions, all=FLAGS, here=FLAGS, user=FLAGS, highlight=FLAGS, thread_reply=FLAGS),
    ),
)
RULES = st.builds(
    NotificationRules, off=st.lists(st.sampled_from(Rule), unique=True).map(tuple), member_limit=st.integers(0, 300)
)


def permit(asked: Situation, rule: Rule) -> Situation:
    """The same, more permissive in what one rule looks at."""
    receiver, room, message = asked.receiver, asked.room, asked.message
    change = msgspec.structs.replace
    wanted: dict[Rule, dict[str, Any]] = {
        Rule.ROOM_NOTIFICATIONS_DISABLED: {"room_notifications_disabled": False},
        Rule.SENDER_IGNORED: {"ignored_senders": ()},
        Rule.GROUP_MENTIONS_DISABLED: {"mute_group_mentions": False},
        Rule.NOT_CONNECTED: {"mobile": True},
        Rule.ALWAYS_MOBILE_OFF: {"always_notify_mobile": True},
        Rule.PREFERENCE_NOTHING: {"room": Preference.ALL},
    }
    match rule:
        case Rule.RECEIVER_INACTIVE:
            receiver = change(receiver, active=True)
        case Rule.RECEIVER_BUSY:
            receiver = change(receiver, status=Status.ONLINE)
        case Rule.ROOM_TOO_LARGE:
            room = change(room, member_count=0)
        case _:
            receiver = change(receiver, preferences=change(receiver.preferences, **wanted[rule]))
    return Situation(receiver, room, message)


@given(asked=SITUATIONS, rules=RULES, rule=st.sampled_from(Rule))
def test_what_is_more_permissive_never_stops_what_was_sent(
    asked: Situation, rules: NotificationRules, rule: Rule
) -> None:
    before, after = why_not(asked, rules), why_not(permit(asked, rule), rules)
    assert after == tuple(reason for reason in before if reason is not rule)


@given(asked=SITUATIONS, rules=RULES, rule=st.sampled_from(Rule))
def test_a_rule_less_never_stops_what_was_sent(asked: Situation, rules: NotificationRules, rule: Rule) -> None:
    fewer = msgspec.structs.replace(rules, off=(*rules.off, rule))
    assert why_not(asked, fewer) == tuple(reason for reason in why_not(asked, rules) if reason is not rule)


@given(asked=SITUATIONS, rules=RULES)
def test_each_rule_is_asked_once_and_none_depends_on_another(asked: Situation, rules: NotificationRules) -> None:
    found = findings(asked, rules)
    assert [finding.rule for finding in found] == list(Rule)
    alone = [
        findings(asked, msgspec.structs.replace(rules, off=tuple(set(Rule) - {rule} | set(rules.off)))) for rule in Rule
    ]
    assert [one[number] for number, one in enumerate(alone)] == list(found)
