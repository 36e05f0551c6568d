"""Items of which nobody knows whether the store took them: it did not say so in time."""

from gateway.model.clock import Clock

SETTLED_SECONDS = 6.0
"""After which a write that was given up has happened or never will: the adapters bound theirs to 5 s."""
OPEN_SECONDS = 60.0
"""For how long a push may still be answered, and more."""
MOST = 100_000
"""How many items wait at most to be taken out; of the others, those that lie there are sent once too often."""


class Doubts:
    """Finds what must be taken out again: items whose pushes are done.

    One whose server was asked to come again stays, for it, or another gateway, may have been found there since, and
    told of as stored.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[str, float] = {}  # when the store was given up
        self._unwanted: dict[str, float] = {}  # when the push was done

    def arise(self, push_id: str) -> None:
        """Hear that the store did not say whether it took an item."""
        self._open[push_id] = self._clock.monotonic()

    def vanish(self, push_id: str) -> None:
        """Hear that an item lies there, and shall."""
        self._open.pop(push_id, None)

    def withdraw(self, push_id: str) -> None:
        """Hear that a push is done: its item, if there is one, shall not be sent."""
        if self._open.pop(push_id, None) is not None and len(self._unwanted) < MOST:
            self._unwanted[push_id] = self._clock.monotonic()

    def unwanted(self) -> list[str]:
        """Return the items to take out now, and forget doubts that nobody will settle any more."""
        now = self._clock.monotonic()
        self._open = {push_id: at for push_id, at in self._open.items() if at > now - OPEN_SECONDS}
        return [push_id for push_id, at in self._unwanted.items() if at <= now - SETTLED_SECONDS]

    def settle(self, push_ids: list[str]) -> None:
        """Hear that these are taken out."""
        for push_id in push_ids:
            del self._unwanted[push_id]
