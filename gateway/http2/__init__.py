"""A small HTTP/2 client (RFC 9113) for one job: many small POSTs on few connections.

It knows nothing of push. `Pool.send` promises an answer, `NotSent` or `Unanswered` within its timeout, whatever the
network and the peer do.
"""

from gateway.http2.errors import Http2Error, NotSent, Unanswered
from gateway.http2.pool import Pool
from gateway.http2.proxy import Proxy
from gateway.http2.statistics import summed
from gateway.http2.values import Headers, Limits, Origin, Request, Response

__all__ = [
    "Headers",
    "Http2Error",
    "Limits",
    "NotSent",
    "Origin",
    "Pool",
    "Proxy",
    "Request",
    "Response",
    "Unanswered",
    "summed",
]
