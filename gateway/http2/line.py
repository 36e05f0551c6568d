"""Where calls wait for a stream: first come, first served, and whoever was sent back goes before."""

from collections import OrderedDict

from gateway.http2.errors import NotSent
from gateway.http2.stream import Call


class Line:
    """Every operation takes constant time, wherever in the line a call stands."""

    def __init__(self) -> None:
        self._returned: OrderedDict[Call, None] = OrderedDict()
        self._new: OrderedDict[Call, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._returned) + len(self._new)

    def join(self, call: Call) -> None:
        """Stand at the end."""
        self._new[call] = None

    def rejoin(self, call: Call) -> None:
        """Stand before all who have not had their turn, behind others that were sent back."""
        self._returned[call] = None

    def leave(self, call: Call) -> None:
        """Wait no more; nothing for a call that does not stand here."""
        self._returned.pop(call, None)
        self._new.pop(call, None)

    def next(self) -> Call:
        """Take the call whose turn it is; there must be one."""
        call, _ = (self._returned or self._new).popitem(last=False)
        return call

    def fail(self, reason: str) -> None:
        """Send everybody away."""
        while self:
            self.next().fail(NotSent(reason))
