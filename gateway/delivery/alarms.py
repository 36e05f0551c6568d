"""Tells an operator of what stands and what is over: by a log line, and by a webhook where one is set."""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

import msgspec
import structlog

from gateway.model.backoff import backoff
from gateway.model.clock import Clock, time_limit
from gateway.model.errors import AlarmNotTaken
from gateway.model.notice import Notice
from gateway.model.notice_words import sentence_of

CAPACITY = 1000
"""How many wait to be sent at most; beyond, the oldest are given up: they are in the log."""
TRIES = 5
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 60.0
"""The pauses between them."""
FLUSH_SECONDS = 5.0
"""How long what is left may take at the end."""

log = structlog.stdlib.get_logger("gateway.alarms")


class Webhook(Protocol):
    """Where alarms go."""

    async def post(self, body: bytes) -> None:
        """Send one, in JSON, within some seconds.

        Raises:
            AlarmNotTaken: it was not taken, or nobody knows.
        """
        ...


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted; nothing in it comes from a push. `sent_at` is UNIX seconds, by which a replay is noticed."""

    alarm: str
    state: str
    subject: str
    about: str
    words: str
    since: str
    sent_at: int
    text: str


class Alarms:
    """Hears of notices, logs them at once, and posts them one after the other."""

    def __init__(self, webhook: Webhook | None, clock: Clock) -> None:
        """Take where alarms go besides the log; None: nowhere."""
        self._webhook = webhook
        self._clock = clock
        self._waiting: deque[tuple[Notice, bool]] = deque(maxlen=CAPACITY)
        self._woken = asyncio.Event()
        self._are_taken = True

    def heard(self, notice: Notice, stands: bool) -> None:
        """Tell of a notice that stands from now on, or does not any more; never waits."""
        if not notice.kind.is_alarm:
            return
        (log.warning if stands else log.info)(
            "alarm" if stands else "alarm_over",
            alarm=notice.kind.value,
            subject=notice.subject,
            about=notice.about,
            words=notice.words,
            text=_text(notice, stands),
        )
        if self._webhook is not None:
            self._waiting.append((notice, stands))
            self._woken.set()

    async def run(self) -> None:
        """Post until cancelled."""
        while self._webhook is not None:
            await self._woken.wait()
            self._woken.clear()
            await self._post_all(self._webhook)

    async def flush(self) -> None:
        """Post what is left once `run` has ended, as far as it is taken in time."""
        if self._webhook is not None:
            with suppress(TimeoutError):
                async with time_limit(self._clock, FLUSH_SECONDS):
                    await self._post_all(self._webhook)

    async def _post_all(self, webhook: Webhook) -> None:
        while self._waiting:
            notice, stands = self._waiting[0]
            await self._post(webhook, notice, stands)
            if self._waiting and self._waiting[0] == (notice, stands):
                self._waiting.popleft()

    async def _post(self, webhook: Webhook, notice: Notice, stands: bool) -> None:
        """Try a few times; a trouble that goes on is told once."""
        for failures in range(1, TRIES + 1):
            try:
                await webhook.post(msgspec.json.encode(self._alarm(notice, stands)))
            except AlarmNotTaken as error:
                self._complain(str(error))
            except Exception as error:  # a fault of ours must not end the posting
                log.error("alarm_failed", exc_info=error)
                return
            else:
                self._complain("")
                return
            if failures < TRIES:
                await self._clock.sleep(backoff(failures, FIRST_SECONDS, LONGEST_SECONDS))

    def _alarm(self, notice: Notice, stands: bool) -> Alarm:
        return Alarm(
            alarm=notice.kind.value,
            state="on" if stands else "over",
            subject=notice.subject,
            about=notice.about,
            words=notice.words,
            since=_moment(notice.at),
            sent_at=int(self._clock.now()),
            text=_text(notice, stands),
        )

    def _complain(self, trouble: str) -> None:
        if trouble and self._are_taken:
            log.error("alarms_not_taken", error=trouble)
        elif not trouble and not self._are_taken:
            log.info("alarms_taken_again")
        self._are_taken = not trouble


def _text(notice: Notice, stands: bool) -> str:
    return sentence_of(notice) if stands else f"Over: {sentence_of(notice)}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
