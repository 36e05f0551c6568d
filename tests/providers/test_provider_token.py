"""Apple's provider token: when it is made anew, and when it is not."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.providers.provider_token import MIN_AGE, REFRESH_AFTER, ProviderToken
from tests.clock import ManualClock

KEY = ec.generate_private_key(ec.SECP256R1())
START = 1_800_000_000.75


class LooseClock(ManualClock):
    """A clock that somebody may set back."""

    def set_back(self, seconds: float) -> None:
        self._now -= seconds


@pytest.fixture
def clock() -> LooseClock:
    return LooseClock(START)


@pytest.fixture
def token(clock: LooseClock) -> ProviderToken:
    return ProviderToken(KEY, "KEYID00001", "TEAMID0001", clock)


def claims(header: str) -> dict[str, object]:
    return jwt.decode(
        header.removeprefix("bearer "), KEY.public_key(), algorithms=["ES256"], options={"verify_iat": False}
    )


def test_it_says_who_signed_it_for_whom_and_when(token: ProviderToken) -> None:
    header = token.get_header()
    assert header.startswith("bearer ")
    assert jwt.get_unverified_header(header.removeprefix("bearer ")) == {
        "alg": "ES256",
        "kid": "KEYID00001",
        "typ": "JWT",
    }
    assert claims(header) == {"iss": "TEAMID0001", "iat": int(START)}


async def test_it_serves_for_forty_minutes_and_is_made_anew_then(token: ProviderToken, clock: LooseClock) -> None:
    first = token.get_header()
    await clock.advance(REFRESH_AFTER - 1)
    assert token.get_header() == first
    await clock.advance(1)
    second = token.get_header()
    assert second != first
    assert claims(second)["iat"] == int(clock.now())
    assert token.get_header() == second


async def test_what_apple_calls_expired_is_replaced_after_twenty_minutes_only(
    token: ProviderToken, clock: LooseClock
) -> None:
    first = token.get_header()
    token.expired(first)
    assert token.get_header() == first
    await clock.advance(MIN_AGE - 1)
    token.expired(first)
    assert token.get_header() == first
    await clock.advance(1)
    token.expired(first)
    second = token.get_header()
    assert second != first
    token.expired(second)
    assert token.get_header() == second


async def test_the_expiry_of_an_older_one_changes_nothing(token: ProviderToken, clock: LooseClock) -> None:
    older = token.get_header()
    await clock.advance(REFRESH_AFTER)
    newer = token.get_header()
    await clock.advance(MIN_AGE)
    token.expired(older)
    assert token.get_header() == newer


def test_a_clock_set_back_gets_a_token_that_is_not_from_the_future(token: ProviderToken, clock: LooseClock) -> None:
    first = token.get_header()
    clock.set_back(3600.0)
    second = token.get_header()
    assert second != first
    assert claims(second)["iat"] == int(START - 3600)
    assert token.get_header() == second


def test_it_shows_neither_key_nor_token(token: ProviderToken) -> None:
    header = token.get_header()
    assert repr(token) == "ProviderToken(team_id='TEAMID0001', key_id='KEYID00001')"
    assert header not in repr(token)
