"""Rules: which one is for a push, how often, and what cannot be one."""

import json
import random

import pytest

from gateway.providers.simulator import Rule
from gateway.providers.simulator.rules import BadRules, Rules, parse_rules


def rules(*given: Rule) -> Rules:
    made = Rules(random.Random(1))  # noqa: S311 - the same lots every time
    made.replace(given)
    return made


def test_the_first_match_wins():
    first, second = Rule(token_prefix="ab", status=410), Rule(status=503)
    made = rules(first, second)
    assert made.match("apns", "abcd", "production") is first
    assert made.match("apns", "cdab", "production") is second
    assert made.match("fcm", "abcd") is first


def test_a_rule_without_fields_is_for_all_pushes():
    assert rules(Rule()).match("fcm", "")
    assert rules(Rule(token_prefix="")).match("apns", "x", "sandbox")


def test_a_rule_is_for_its_platform_and_host():
    assert rules(Rule(platform="fcm")).match("apns", "x", "sandbox") is None
    assert rules(Rule(environment="sandbox")).match("apns", "x", "production") is None
    assert rules(Rule(environment="sandbox")).match("apns", "x", "sandbox")
    assert rules(Rule(environment="sandbox")).match("fcm", "x") is None


def test_a_rule_is_used_up():
    made = rules(Rule(times=2, status=500), Rule(times=0), Rule(status=404))
    found = [made.match("fcm", "x") for _ in range(3)]
    assert [rule.status for rule in found] == [500, 500, 404]
    assert [rule.times for rule in made.current()] == [0, 0, None]


def test_a_rule_for_a_share_leaves_the_others_to_the_next():
    half, rest = Rule(share=0.5, status=503), Rule()
    made = rules(half, rest)
    found = [made.match("fcm", "x") for _ in range(1000)]
    assert 450 < found.count(half) < 550
    assert found.count(half) + found.count(rest) == 1000
    assert len({tuple(found[start : start + 8]) for start in range(0, 1000, 8)}) > 50, "drawn by lot, not in turn"


def test_shares_may_be_none_and_all():
    made = rules(Rule(share=0, status=404), Rule(share=1, status=503), Rule())
    assert {made.match("fcm", "x").status for _ in range(100)} == {503}


def test_of_a_share_only_those_drawn_use_the_rule_up():
    made = rules(Rule(share=0.5, times=3, status=503))
    found = [made.match("fcm", "x") for _ in range(100)]
    assert len(found) - found.count(None) == 3


def test_no_rules_match_nothing():
    assert Rules().match("fcm", "x") is None


def test_every_field_can_be_given():
    given = {
        "platform": "apns",
        "environment": "sandbox",
        "token_prefix": "ab",
        "status": 410,
        "reason": "ExpiredToken",
        "timestamp": 1,
        "h2": "early",
        "delay_ms": 5,
        "retry_after": 3,
        "share": 0.5,
        "times": 1,
    }
    (rule,) = parse_rules(json.dumps([given]).encode())
    assert rule == Rule(**given)


def test_null_is_as_good_as_absent():
    body = b'[{"platform": null, "status": null, "reason": null, "times": null, "retry_after": null}]'
    assert parse_rules(body) == [Rule()]


@pytest.mark.parametrize(
    ("body", "item", "field"),
    [
        (b"{", None, ""),
        (b"{}", None, ""),
        (b"[1]", 0, ""),
        (b'[{}, {"status": "x"}]', 1, "status"),
        (b'[{"status": 99}]', 0, "status"),
        (b'[{"status": 302}]', 0, "status"),
        (b'[{"status": 201}]', 0, "status"),
        (b'[{"status": 600}]', 0, "status"),
        (b'[{"platform": "sms"}]', 0, "platform"),
        (b'[{"environment": "moon"}]', 0, "environment"),
        (b'[{"environment": "sandbox", "platform": "fcm"}]', 0, "environment"),
        (b'[{"status": 410, "reason": "white space"}]', 0, "reason"),
        (b'[{"status": 503, "retry_after": -1}]', 0, "retry_after"),
        (b'[{"delay_ms": 1.5}]', 0, "delay_ms"),
        (b'[{"share": 1.5}]', 0, "share"),
        (b'[{"share": -0.1}]', 0, "share"),
        (b'[{"times": -1}]', 0, "times"),
        (b'[{"token": "x"}]', 0, "token"),
        (b'[{"h2": "slow"}]', 0, "h2"),
        (b'[{"h2": "html"}]', 0, "status"),
        (b'[{"h2": "html", "status": 200}]', 0, "status"),
        (b'[{"h2": "html", "status": 502, "reason": "X"}]', 0, "reason"),
    ],
)
def test_what_cannot_be_a_rule_is_named(body, item, field):
    with pytest.raises(BadRules) as bad:
        parse_rules(body)
    assert (bad.value.item, bad.value.field) == (item, field)
    assert bad.value.what


def test_a_contradiction_is_seen_in_python_too():
    with pytest.raises(ValueError, match=r"^environment: only APNs"):
        Rule(platform="fcm", environment="sandbox")


@pytest.mark.parametrize("fault", ["goaway", "rst", "refuse", "silent", "dead", "reset", "close", "garbage"])
@pytest.mark.parametrize(("field", "value"), [("status", 200), ("status", 503), ("reason", "Shutdown")])
def test_where_no_answer_comes_it_has_no_status(fault, field, value):
    with pytest.raises(ValueError, match=f"^{field}: {fault} leaves no answer"):
        Rule(**{"h2": fault, field: value})


@pytest.mark.parametrize("fault", ["goaway_taken", "shrink", "window0", "cut", "early"])
def test_where_an_answer_comes_it_may_be_any(fault):
    assert Rule(h2=fault, status=410, reason="Unregistered").refuses


@pytest.mark.parametrize(
    ("rule", "seconds"),
    [
        (Rule(), 0.0),
        (Rule(delay_ms=1500), 1.5),
        (Rule(h2="window0"), 1.0),
        (Rule(h2="window0", delay_ms=0), 0.0),
        (Rule(h2="window0", delay_ms=50), 0.05),
    ],
)
def test_a_window_stays_shut_for_a_while(rule, seconds):
    assert rule.delay == seconds


@pytest.mark.parametrize(
    ("rule", "refuses"),
    [
        (Rule(), False),
        (Rule(retry_after=1, timestamp=1), False),
        (Rule(status=200, reason="Unregistered", retry_after=1), False),
        (Rule(status=503), True),
        (Rule(reason="Unregistered"), True),
    ],
)
def test_a_status_or_a_reason_orders_a_refusal(rule, refuses):
    assert rule.refuses is refuses
