"""Sets of credentials as values: told apart by a fingerprint that changes with any change."""

import hashlib
import re
from typing import TypeVar

import msgspec

from gateway.model.app import ApnsCredentials, ApnsEnvironment, FcmCredentials
from gateway.model.errors import CredentialsError

_TOPIC = re.compile(r"[A-Za-z0-9.-]{1,200}")
CredentialsT = TypeVar("CredentialsT", ApnsCredentials, FcmCredentials)


def sealed(credentials: CredentialsT) -> CredentialsT:
    """Return the credentials with the fingerprint of their content."""
    bare = msgspec.structs.replace(credentials, fingerprint="")
    fingerprint = hashlib.sha256(msgspec.json.encode(bare)).hexdigest()[:32]
    return msgspec.structs.replace(bare, fingerprint=fingerprint)


def with_environment(credentials: ApnsCredentials, environment: ApnsEnvironment) -> ApnsCredentials:
    """Return the same credentials for another of Apple's environments."""
    return sealed(msgspec.structs.replace(credentials, environment=environment))


def with_topics(credentials: ApnsCredentials, topics: tuple[str, ...]) -> ApnsCredentials:
    """Return the same credentials for other topics."""
    return sealed(msgspec.structs.replace(credentials, topics=checked_topics(topics)))


def checked_topics(topics: tuple[str, ...]) -> tuple[str, ...]:
    """Return the bundle ids without `.voip` and without repetition.

    Raises:
        CredentialsError: one of them cannot be a bundle id.
    """
    for topic in topics:
        if not _TOPIC.fullmatch(topic):
            raise CredentialsError(f"--apns-topic {topic!r} is not a bundle id such as com.example.chat")
    return tuple(dict.fromkeys(topic.removesuffix(".voip") for topic in topics))
