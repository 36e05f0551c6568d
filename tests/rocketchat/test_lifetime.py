import pytest

from gateway.rocketchat.lifetime import call_lifetime, lifetime, parse_time

NOW = 1_800_000_000.0
"""2027-01-15T08:00:00Z"""


@pytest.mark.parametrize(
    ("created_at", "expires_in"),
    [
        ("2027-01-15T08:00:00.000Z", 60),
        ("2027-01-15T07:59:30.000Z", 30),
        ("2027-01-15T07:59:30.000", 30),
        ("2027-01-15T08:59:30.000+01:00", 30),
        ("2027-01-15T07:58:00Z", -60),
        ("2027-01-15T09:00:00Z", 60),
        ("yesterday", 60),
        (None, 60),
        (1_800_000_000, 60),
        ({"$date": 1}, 60),
        ("9999-99-99T00:00:00Z", 60),
    ],
)
def test_a_ring_lives_sixty_seconds_from_its_creation(created_at: object, expires_in: float) -> None:
    span = call_lifetime(created_at, NOW)
    assert span.given
    assert span.expires_at == NOW + expires_in


@pytest.mark.parametrize(
    ("seconds", "expires_in", "given"),
    [(None, 3600, False), (0, 0, True), (90.5, 90.5, True), (1e12, 28 * 86400, True)],
)
def test_other_pushes_live_as_long_as_they_say_or_an_hour(
    seconds: float | None, expires_in: float, given: bool
) -> None:
    span = lifetime(seconds, NOW)
    assert (span.expires_at, span.given) == (NOW + expires_in, given)


def test_times_are_utc_unless_they_say_otherwise() -> None:
    assert parse_time("2027-01-15T08:00:00") == parse_time("2027-01-15T08:00:00Z") == NOW
