"""A request's body, whole and bounded in size and time."""

from aiohttp import web

from gateway.model.clock import Clock, time_limit
from gateway.model.outcome import Rejected
from gateway.model.reason import Reason

MAX_BODY = 128 * 1024
MAX_DROPPED = 16 * 1024 * 1024
"""How much of an oversized body is read and dropped: a connection closed on unread data is reset, and a reset loses
the push without a word in the server's log."""
BODY_SECONDS = 10.0


async def read_body(request: web.Request, clock: Clock, most: int = MAX_BODY) -> bytes | Rejected:
    """Read the body, of `most` octets at most, or say why it is not taken."""
    try:
        if request.content.is_eof():  # it came with the head, and to watch the clock would cost more than to read
            return await _read(request, most)
        async with time_limit(clock, BODY_SECONDS):
            return await _read(request, most)
    except TimeoutError:
        return Rejected(Reason.BODY_TOO_SLOW)
    except (ConnectionError, web.RequestPayloadError):
        return Rejected(Reason.BODY_UNREADABLE)


async def _read(request: web.Request, most: int) -> bytes | Rejected:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size <= most:
            chunks.append(chunk)
        elif size > MAX_DROPPED:
            break
    return b"".join(chunks) if size <= most else Rejected(Reason.BODY_TOO_LARGE)
