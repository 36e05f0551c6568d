"""What goes in and comes out."""

import pytest

from gateway.http2 import NotSent, Origin, Request, Response


@pytest.mark.parametrize(
    ("url", "host", "port", "authority"),
    [
        ("https://api.push.apple.com", "api.push.apple.com", 443, "api.push.apple.com"),
        ("https://api.push.apple.com:2197", "api.push.apple.com", 2197, "api.push.apple.com:2197"),
        ("https://[::1]:8443", "::1", 8443, "[::1]:8443"),
    ],
)
def test_origins(url: str, host: str, port: int, authority: str) -> None:
    origin = Origin.parse(url)
    assert (origin.host, origin.port, origin.authority) == (host, port, authority)


@pytest.mark.parametrize("url", ["http://a", "a.b", "https://", "https://a:b", "https://a:99999", ""])
def test_what_is_no_origin_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Origin.parse(url)


def test_nothing_of_requests_and_answers_shows() -> None:
    secret = "secret"
    assert secret not in repr(Request(f"/{secret}", (("a", secret),), (("b", secret),), secret.encode()))
    assert secret not in repr(Response(200, {"a": secret}, secret.encode()))


def test_errors_say_why() -> None:
    error = NotSent("queue_full")
    assert error.reason == "queue_full"
    assert str(error) == "too many requests wait already"
