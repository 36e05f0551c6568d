"""What stands: posted and withdrawn here at once, told to every gateway on the store within seconds."""

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from gateway.model.clock import Clock, time_limit
from gateway.model.errors import StoreError
from gateway.model.notice import Notice, NoticeKind
from gateway.store.notice_port import NoticeStore

POLL_SECONDS = 2.0
TIDY_SECONDS = 600.0
FLUSH_SECONDS = 5.0
"""How long what is left may take at the end."""
CAPACITY = 10_000
"""How many changes wait at most while the store is away."""

Listener = Callable[[Notice, bool], None]

log = structlog.stdlib.get_logger("gateway.delivery")


class _Change(msgspec.Struct, frozen=True):
    """A notice that is to be posted or withdrawn; `repeated` where the store may have done so without an answer."""

    notice: Notice
    stands: bool
    repeated: bool = False


class Notices:
    """What stands, in memory, and following the store every two seconds."""

    def __init__(self, store: NoticeStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._standing: dict[str, Notice] = {}
        self._pending: dict[str, _Change] = {}
        self._listeners: list[Listener] = []
        self._tidy_at = clock.monotonic()
        self._store_answers = True
        self.has_looked = asyncio.Event()
        """Set once the store has been asked, whatever it answered."""

    def standing(self, kind: NoticeKind, subject: str, about: str = "") -> Notice | None:
        """Return the notice of this kind on this subject and matter, if it stands; asks nobody."""
        notice = self._standing.get(Notice.id_of(kind, subject, about)) if self._standing else None
        return notice if notice is not None and notice.stands(self._clock.now()) else None

    def all(self) -> tuple[Notice, ...]:
        """Return what stands now, by the ids."""
        now = self._clock.now()
        return tuple(notice for _, notice in sorted(self._standing.items()) if notice.stands(now))

    def post(self, notice: Notice) -> None:
        """Let it stand, here at once; it is written down within seconds. One that stands already stays as it is."""
        if self.standing(notice.kind, notice.subject, notice.about) is None:
            self._change(_Change(notice, stands=True))

    def withdraw(self, kind: NoticeKind, subject: str, about: str = "") -> None:
        """Let it stand no longer, likewise; one that does not is no error."""
        if (notice := self.standing(kind, subject, about)) is not None:
            self._change(_Change(notice, stands=False))

    def tell(self, listener: Listener) -> None:
        """Have `listener` called with what is posted (True) and withdrawn (False), of all gateways by one alone.

        It is the one whose post the store took, or whose withdrawal removed the notice. Of what ends by itself nobody
        is told.
        """
        self._listeners.append(listener)

    async def run(self) -> None:
        """Follow the store until cancelled."""
        while True:
            await self._turn()
            self.has_looked.set()
            await self._clock.sleep(POLL_SECONDS)

    async def flush(self) -> None:
        """Write down what is left once `run` has ended, as far as the store takes it in time."""
        try:
            async with time_limit(self._clock, FLUSH_SECONDS):
                await self._write()
        except (StoreError, TimeoutError) as error:
            log.error("notices_lost", lost=len(self._pending), error=str(error) or "the store took too long")

    def _change(self, change: _Change) -> None:
        self._apply(change)
        self._pending.pop(change.notice.id, None)
        if len(self._pending) < CAPACITY:
            self._pending[change.notice.id] = change

    def _apply(self, change: _Change) -> None:
        if change.stands:
            self._standing[change.notice.id] = change.notice
        else:
            self._standing.pop(change.notice.id, None)

    async def _turn(self) -> None:
        try:
            await self._write()
            await self._read()
            await self._tidy()
        except StoreError as error:
            if self._store_answers:
                log.warning("notices_unavailable", error=str(error))
            self._store_answers = False
        except Exception as error:  # a fault of ours must not end the following
            log.error("notices_failed", exc_info=error)
        else:
            self._store_answers = True

    async def _write(self) -> None:
        while self._pending:
            key = next(iter(self._pending))
            change = self._pending.pop(key)
            try:
                is_ours = await self._written(change)
            except (StoreError, asyncio.CancelledError):
                self._pending.setdefault(key, msgspec.structs.replace(change, repeated=True))
                raise
            if is_ours:
                for listener in self._listeners:
                    listener(change.notice, change.stands)

    async def _written(self, change: _Change) -> bool:
        """Return whether it was this gateway that changed the store, in doubt that it was."""
        if not change.stands:
            return await self._store.withdraw(change.notice.id) or change.repeated
        is_new = await self._store.post(change.notice)
        return is_new or (change.repeated and change.notice in await self._store.all())

    async def _read(self) -> None:
        read = await self._store.all()
        self._standing = {notice.id: notice for notice in read}
        for change in self._pending.values():
            self._apply(change)

    async def _tidy(self) -> None:
        if (now := self._clock.monotonic()) >= self._tidy_at:
            await self._store.remove(self._clock.now())
            self._tidy_at = now + TIDY_SECONDS
