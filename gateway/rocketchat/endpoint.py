"""The two push doors as paths, however an administrator joined the URL."""

import msgspec

from gateway.model.notification import Platform

_PLATFORMS = {"apn": Platform.APN, "gcm": Platform.GCM, "fcm": Platform.GCM}


class Endpoint(msgspec.Struct, frozen=True):
    """What the path of a push request says: the platform, and the workspace's secret if it stands there."""

    platform: Platform
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Endpoint(platform={self.platform.value!r}, secret={'***' if self.secret else None})"


def parse_path(path: str) -> Endpoint | None:
    """Read `[/prefix...][/w/<secret>]/push/{apn,gcm,fcm}/send`; None for any other path.

    Rocket.Chat joins its setting and `/push/apn/send` as plain strings, so doubled and trailing slashes happen.
    """
    segments = [segment for segment in path.split("/") if segment]
    match segments:
        case [*prefix, "push", kind, "send"] if kind in _PLATFORMS:
            return Endpoint(_PLATFORMS[kind], _secret(prefix))
    return None


def _secret(prefix: list[str]) -> str | None:
    match prefix:
        case [*_, "w", secret]:
            return secret
    return None
