"""What can become of a request other than an answer.

Http2Error
├── NotSent       nothing of it can have been processed: safe to repeat
└── Unanswered    it may have arrived

ProtocolError     the peer broke RFC 9113; never leaves this room, the connection ends on it
"""

_WORDS = {
    "closed": "the pool is closed",
    "connect_failed": "no connection could be made",
    "connect_timeout": "the connection was not made in time",
    "connection_lost": "the connection ended",
    "deadline": "the time is up",
    "dns_failed": "the host name could not be resolved",
    "goaway": "the peer is going away",
    "invalid_request": "the path or a header holds what none may hold",
    "no_h2": "the peer does not speak HTTP/2",
    "protocol_error": "the peer broke the protocol",
    "proxy_auth": "the proxy wants other credentials",
    "proxy_failed": "the proxy cannot be reached, or does not answer like one",
    "proxy_refused": "the proxy does not let us through to the host",
    "queue_full": "too many requests wait already",
    "refused_stream": "the peer refused the stream",
    "stream_reset": "the peer reset the stream",
    "tls_failed": "TLS could not be agreed on",
}


class Http2Error(Exception):
    """A request without an answer; `reason` is one short stable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(_WORDS[reason])
        self.reason = reason


class NotSent(Http2Error):
    """Nothing of the request can have been processed; it is safe to repeat (RFC 9113 section 8.7)."""


class Unanswered(Http2Error):
    """The request may have been processed; whether to repeat it is the caller's to say."""


class ProtocolError(Exception):
    """The peer broke the protocol; `code` is the error code to tell it (RFC 9113 section 7)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
