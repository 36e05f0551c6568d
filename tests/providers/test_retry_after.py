"""How long to wait, as providers write it."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.retry_after import MAX_SECONDS, parse_retry_after

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("1", 1.0),
        ("120", 120.0),
        ("007", 7.0),
        ("3600", 3600.0),
        ("3601", MAX_SECONDS),
        ("9" * 400, MAX_SECONDS),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW, usegmt=True), 0.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        (formatdate(NOW + 864_000, usegmt=True), MAX_SECONDS),
        ("Fri, 15 Jan 2027 09:01:00 +0100", 60.0),
    ],
)
def test_seconds_and_dates_are_read(value: str, seconds: float) -> None:
    assert parse_retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [None, "", " ", "soon", "-5", "1.5", "1e3", "0x10", "inf", "nan", "Fri, 99 Jan 2027 08:00:00 GMT", "Fri", "1 2 3"],
)
def test_what_is_no_time_is_nothing(value: str | None) -> None:
    assert parse_retry_after(value, NOW) is None


@pytest.mark.parametrize("value", ["Fri, 15 Jan 99999 08:00:00 GMT", "Fri, 15 Jan 2027 25:00:00 GMT"])
def test_a_date_no_calendar_has_is_nothing(value: str) -> None:
    assert parse_retry_after(value, NOW) is None


_DATES = st.builds(
    "{}, {} Jan {} {}:{}:00 {}".format,
    st.sampled_from(["Fri", "Xyz", ""]),
    st.integers(-1, 40),
    st.integers(-1, 20_000),
    st.integers(0, 30),
    st.integers(0, 70),
    st.sampled_from(["GMT", "-0000", "+9999", "EST", ""]),
)


@given(st.text() | _DATES, st.floats(0, 4e9))
def test_whatever_is_written_the_wait_is_bounded_or_nothing(value: str, now: float) -> None:
    seconds = parse_retry_after(value, now)
    assert seconds is None or 0.0 <= seconds <= MAX_SECONDS
