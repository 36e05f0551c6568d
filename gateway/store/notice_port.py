"""The port to the notices, by which the gateways on one store tell each other what stands."""

from typing import Protocol

from gateway.model.notice import Notice


class NoticeStore(Protocol):
    """The notices that stand. Every method raises StoreError when the store cannot be used."""

    async def post(self, notice: Notice, unless_since: float | None = None) -> bool:
        """Put a notice in the place of the one with its id, if there is any; return whether it was put.

        It is not where there is one of `unless_since` (UNIX seconds; None: of any time) or later that still stands at
        the notice's own time; of several that post the same at once, one does.
        """
        ...

    async def withdraw(self, notice_id: str) -> bool:
        """Remove a notice; return whether it was there."""
        ...

    async def all(self) -> list[Notice]:
        """Read all there are, by their ids. One that cannot be read is logged and removed."""
        ...

    async def remove(self, before: float) -> None:
        """Forget those that do not stand any more at `before` (UNIX seconds)."""
        ...
