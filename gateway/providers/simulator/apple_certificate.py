"""What Apple writes into a push certificate: which topics it is for, and which of its two hosts.

The subject's UID is the app's bundle id. Apple's extensions under 1.2.840.113635.100.6.3 say the rest: `.1` and `.2`
are present on certificates for the development and the production host, `.6` lists the topics as a sequence in which
each name (UTF8String) is followed by a sequence of what it is for ("app", "voip", ...).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography import x509

SANDBOX = x509.ObjectIdentifier("1.2.840.113635.100.6.3.1")
PRODUCTION = x509.ObjectIdentifier("1.2.840.113635.100.6.3.2")
TOPICS = x509.ObjectIdentifier("1.2.840.113635.100.6.3.6")

_NULL = b"\x05\x00"
_UTF8_STRING = 0x0C
_SEQUENCE = 0x30


@dataclass(frozen=True)
class AppleCertificate:
    """What a client certificate is good for."""

    topics: frozenset[str]
    environments: frozenset[str]

    @classmethod
    def read(cls, der: bytes) -> "AppleCertificate":
        """Read a certificate that TLS has verified already; without Apple's extensions it is good for nothing."""
        extensions = x509.load_der_x509_certificate(der).extensions
        named = {extension.oid: extension.value for extension in extensions}
        topics = named.get(TOPICS)
        environments = {"sandbox": SANDBOX, "production": PRODUCTION}
        return cls(
            frozenset(_topics(topics.value) if isinstance(topics, x509.UnrecognizedExtension) else ()),
            frozenset(name for name, oid in environments.items() if oid in named),
        )


def apple_extensions(topics: Iterable[tuple[str, str]]) -> list[x509.UnrecognizedExtension]:
    """Apple's extensions for (topic, what it is for) pairs, good for both hosts."""
    listed = b"".join(
        _tlv(_UTF8_STRING, topic.encode()) + _tlv(_SEQUENCE, _tlv(_UTF8_STRING, use.encode())) for topic, use in topics
    )
    return [
        x509.UnrecognizedExtension(SANDBOX, _NULL),
        x509.UnrecognizedExtension(PRODUCTION, _NULL),
        x509.UnrecognizedExtension(TOPICS, _tlv(_SEQUENCE, listed)),
    ]


def _tlv(tag: int, value: bytes) -> bytes:
    """DER: tag, length, value."""
    if len(value) < 0x80:
        return bytes([tag, len(value)]) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + value


def _topics(der: bytes) -> list[str]:
    """The UTF8Strings of the outer sequence; what a topic is for is nested deeper."""
    ((_, listed),) = _read(der)
    return [value.decode() for tag, value in _read(listed) if tag == _UTF8_STRING]


def _read(der: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            width = length & 0x7F
            length, at = int.from_bytes(der[at : at + width], "big"), at + width
        yield tag, der[at : at + length]
        at += length
