"""Who opens connections."""

from typing import TYPE_CHECKING, Protocol

from gateway.http2.errors import NotSent
from gateway.http2.stream import Call

if TYPE_CHECKING:
    from gateway.http2.connection import Connection


class Owner(Protocol):
    """Hears what changes on a connection it has opened."""

    def has_room(self) -> None:
        """A stream may be opened that could not be before."""
        ...

    def not_sent(self, call: Call, error: NotSent) -> None:
        """A request came back untouched."""
        ...

    def went_away(self, connection: "Connection", reason: str) -> None:
        """The peer said GOAWAY, with this reason; at the first the connection is not leaving yet."""
        ...

    def ended(self, connection: "Connection") -> None:
        """The connection is no more."""
        ...
