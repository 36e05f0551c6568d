import pytest

from gateway.model.notification import Platform
from gateway.rocketchat.endpoint import Endpoint, parse_path


@pytest.mark.parametrize(
    ("path", "platform", "secret"),
    [
        ("/w/s3cret/push/apn/send", Platform.APN, "s3cret"),
        ("/w/s3cret/push/gcm/send", Platform.GCM, "s3cret"),
        ("/w/s3cret/push/fcm/send", Platform.GCM, "s3cret"),
        ("/any/prefix/w/s3cret/push/apn/send", Platform.APN, "s3cret"),
        ("/w/s3cret//push/apn/send", Platform.APN, "s3cret"),
        ("//w//s3cret//push/apn/send//", Platform.APN, "s3cret"),
        ("/w/w/push/apn/send", Platform.APN, "w"),
        ("/push/apn/send", Platform.APN, None),
        ("//push/gcm/send", Platform.GCM, None),
        ("/prefix/push/gcm/send", Platform.GCM, None),
        ("/w/push/gcm/send", Platform.GCM, None),
    ],
)
def test_a_push_path_is_read_however_it_was_joined(path: str, platform: Platform, secret: str | None) -> None:
    assert parse_path(path) == Endpoint(platform, secret)


@pytest.mark.parametrize("path", ["", "/", "/push", "/push/apn", "/push/mpns/send", "/w/s/push/apn/send/more", "/send"])
def test_any_other_path_is_none(path: str) -> None:
    assert parse_path(path) is None


def test_the_secret_is_not_shown() -> None:
    assert "s3cret" not in repr(parse_path("/w/s3cret/push/apn/send"))
