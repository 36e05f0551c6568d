"""Many writers share one write: whoever comes while one is under way is in the next."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class GroupCommit(Generic[T]):
    """Hands what is added to `write` in batches, one at a time."""

    def __init__(self, write: Callable[[list[T]], Awaitable[None]], most: int) -> None:
        """Take the writer and how many it gets at once."""
        self._write = write
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def add(self, one: T) -> None:
        """Return when it is written; who stops waiting before its turn has not written.

        Raises:
            Exception: what `write` raised; nobody knows then whether it was written.
        """
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((one, written))
        if self._task is None:
            self._task = asyncio.create_task(self._write_all(), name="group commit")
        await written

    async def _write_all(self) -> None:
        while self._waiting:
            wanted = [(one, written) for one, written in self._waiting if not written.done()]
            batch, self._waiting = wanted[: self._most], wanted[self._most :]
            error = await self._attempt([one for one, _ in batch]) if batch else None
            for _, written in batch:
                if written.done():
                    continue
                written.set_result(None) if error is None else written.set_exception(error)
        self._task = None

    async def _attempt(self, batch: list[T]) -> Exception | None:
        try:
            await self._write(batch)
        except Exception as error:  # whatever it was, it is for those who wait
            return error
        return None
