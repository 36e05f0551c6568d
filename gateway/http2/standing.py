"""Whether a connection may be given more, and how much."""

from gateway.http2.health import Health
from gateway.http2.outgoing import Outgoing
from gateway.http2.streams import Streams


class Standing:
    """What the peer's limits, its windows, its health and its goodbye leave of a connection.

    `weigh` is called whenever one of them changes: what follows is asked thousands of times a second.
    """

    def __init__(self, streams: Streams, out: Outgoing, health: Health) -> None:
        self._streams = streams
        self._out = out
        self._health = health
        self._capacity = 0
        self._was_shut = False
        self.is_open = False
        """Whether the peer has told its limits, and the connection has not ended."""
        self.is_writable = True
        """Whether the peer reads what it is sent."""
        self.is_leaving = False
        """Whether it takes nothing new, and ends with its last stream."""

    @property
    def room(self) -> int:
        """How many more streams may be opened now; less than none where the peer has lowered its limit."""
        return 0 if self._out.is_shut else self._capacity - len(self._streams.open)

    @property
    def is_worn_out(self) -> bool:
        """Tell whether it wants replacing: its stream numbers come to their end, or it is leaving."""
        return self.is_leaving or self._streams.is_ending

    @property
    def wants_patience(self) -> bool:
        """Tell whether to wait and not open another: it rests, or is limited to 1, as Apple's are at first."""
        is_hopeful = not self.is_leaving and not self._health.is_in_doubt
        return is_hopeful and (self._streams.limit == 1 or self._health.is_resting)

    def leave(self) -> None:
        """Take nothing new."""
        self.is_leaving = True
        self.weigh()

    def rest(self) -> None:
        """Take nothing new for a moment."""
        self._health.rest()
        self.weigh()

    def heed_window(self) -> None:
        """Rest while a body is held back: window mostly comes at once, and another connection is not worth it."""
        if self._out.is_shut:
            self.rest()
        elif self._was_shut:
            self._health.rested()
            self.weigh()
        self._was_shut = self._out.is_shut

    def weigh(self) -> None:
        """Work out anew how many streams may be open."""
        is_usable = self.is_open and self.is_writable and not self.is_leaving and self._health.is_fit
        self._capacity = self._streams.limit if is_usable else 0
