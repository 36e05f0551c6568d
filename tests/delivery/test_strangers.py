"""Addresses from which nobody is known are counted, a minute long."""

import pytest

from gateway.delivery.strangers import REMEMBERED, WINDOW_SECONDS, Strangers
from gateway.model.address import parse_address
from tests.clock import ManualClock

HERE, THERE = parse_address("192.0.2.1"), parse_address("192.0.2.2")


async def test_an_address_fails_too_often_until_its_minute_is_over(clock: ManualClock) -> None:
    strangers = Strangers(3, clock)
    assert [strangers.failed(HERE) for _ in range(3)] == [0.0] * 3
    await clock.advance(10.0)
    assert strangers.failed(HERE) == pytest.approx(WINDOW_SECONDS - 10.0)
    assert strangers.are_many(HERE)
    assert strangers.failed(THERE) == 0.0
    assert not strangers.are_many(THERE)
    await clock.advance(WINDOW_SECONDS - 10.0)
    assert not strangers.are_many(HERE)
    assert strangers.failed(HERE) == 0.0


async def test_a_network_of_ipv6_is_one_address(clock: ManualClock) -> None:
    strangers = Strangers(1, clock)
    assert strangers.failed(parse_address("2001:db8::1")) == 0.0
    assert strangers.failed(parse_address("2001:db8::ffff:2")) > 0.0
    assert strangers.failed(parse_address("2001:db8:0:1::1")) == 0.0


async def test_without_a_limit_nobody_fails_too_often(clock: ManualClock) -> None:
    strangers = Strangers(0, clock)
    assert not any(strangers.failed(None) for _ in range(100))
    assert not strangers.are_many(None)


async def test_only_so_many_addresses_are_remembered(clock: ManualClock) -> None:
    strangers = Strangers(1, clock)
    strangers.failed(HERE)
    for number in range(REMEMBERED):
        strangers.failed(parse_address(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"))
    assert strangers.failed(HERE) == 0.0
