"""Who is told of what stands: the log at once, the webhook soon, and nobody waits for it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.delivery.alarms import CAPACITY, FLUSH_SECONDS, LONGEST_SECONDS, TRIES, Alarms
from gateway.model.errors import AlarmNotTaken
from gateway.model.notice import NoticeKind
from tests.clock import ManualClock
from tests.notices import notice

Until = Callable[..., Any]


class Receiver:
    """Whoever is told of alarms: takes them, or refuses so many, or does not answer."""

    def __init__(self) -> None:
        self.asked = 0
        self.taken: list[dict[str, Any]] = []
        self.refusals: list[Exception] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def post(self, body: bytes) -> None:
        self.asked += 1
        await self.may_answer.wait()
        if self.refusals:
            raise self.refusals.pop()
        self.taken.append(json.loads(body))

    @property
    def subjects(self) -> list[str]:
        return [alarm["subject"] for alarm in self.taken]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def alarms(receiver: Receiver, clock: ManualClock) -> Alarms:
    return Alarms(receiver, clock)


@pytest.fixture
async def running(alarms: Alarms) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(alarms.run())
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


REFUSED = notice("Chat", kind=NoticeKind.CREDENTIALS_REFUSED, about="apns", words="403 InvalidProviderToken")


def test_an_alarm_is_a_warning_and_its_end_an_information(alarms: Alarms) -> None:
    with capture_logs() as logs:
        alarms.heard(REFUSED, True)
        alarms.heard(REFUSED, False)
    assert [(one["event"], one["log_level"], one["alarm"], one["subject"], one["words"]) for one in logs] == [
        ("alarm", "warning", "credentials_refused", "Chat", "403 InvalidProviderToken"),
        ("alarm_over", "info", "credentials_refused", "Chat", "403 InvalidProviderToken"),
    ]
    assert "--apns-key" in logs[0]["text"]


@pytest.mark.usefixtures("running")
async def test_what_is_posted_says_what_where_and_since_when(
    alarms: Alarms, receiver: Receiver, clock: ManualClock, until: Until
) -> None:
    alarms.heard(REFUSED, True)
    alarms.heard(REFUSED, False)
    await until(lambda: len(receiver.taken) == 2)
    on, over = receiver.taken
    assert on == {
        "alarm": "credentials_refused",
        "state": "on",
        "subject": "Chat",
        "about": "apns",
        "words": "403 InvalidProviderToken",
        "since": "1970-01-01T00:16:40Z",
        "sent_at": int(clock.now()),
        "text": on["text"],
    }
    assert over == on | {"state": "over", "text": f"Over: {on['text']}"}


@pytest.mark.usefixtures("running")
async def test_what_gateways_tell_each_other_is_no_alarm(alarms: Alarms, receiver: Receiver, until: Until) -> None:
    with capture_logs() as logs:
        alarms.heard(notice("Chat", kind=NoticeKind.CANARY_DONE), True)
        alarms.heard(notice("Chat", kind=NoticeKind.DEAD_LETTERS_SHARE, words="{}"), True)
    assert logs == []
    alarms.heard(notice("Last"), True)
    await until(lambda: receiver.taken)
    assert receiver.subjects == ["Last"]


@pytest.mark.usefixtures("running")
async def test_an_alarm_that_is_not_taken_is_sent_again_and_the_trouble_told_once(
    alarms: Alarms, receiver: Receiver, clock: ManualClock, until: Until
) -> None:
    receiver.refusals = [AlarmNotTaken("no")] * (TRIES - 1)
    with capture_logs() as logs:
        alarms.heard(notice("Chat"), True)
        while not receiver.taken:
            await clock.advance(LONGEST_SECONDS)
    assert (receiver.asked, receiver.subjects) == (TRIES, ["Chat"])
    assert [one["event"] for one in logs] == ["alarm", "alarms_not_taken", "alarms_taken_again"]


@pytest.mark.usefixtures("running")
async def test_one_that_is_never_taken_makes_room_for_the_next(
    alarms: Alarms, receiver: Receiver, clock: ManualClock
) -> None:
    receiver.refusals = [AlarmNotTaken("no")] * TRIES
    alarms.heard(notice("lost"), True)
    alarms.heard(notice("next"), True)
    while not receiver.taken:
        await clock.advance(LONGEST_SECONDS)
    assert receiver.subjects == ["next"]


@pytest.mark.usefixtures("running")
async def test_a_fault_of_ours_does_not_end_the_posting(alarms: Alarms, receiver: Receiver, until: Until) -> None:
    receiver.refusals = [ZeroDivisionError()]
    with capture_logs() as logs:
        alarms.heard(notice("first"), True)
        alarms.heard(notice("second"), True)
        await until(lambda: receiver.taken)
    assert receiver.subjects == ["second"]
    assert "alarm_failed" in [one["event"] for one in logs]


async def test_no_more_wait_than_may_and_the_oldest_give_way(alarms: Alarms, receiver: Receiver) -> None:
    for number in range(CAPACITY + 2):
        alarms.heard(notice(f"{number}"), True)
    await alarms.flush()
    assert receiver.subjects[0] == "2"
    assert len(receiver.taken) == CAPACITY


@pytest.mark.usefixtures("running")
async def test_one_that_is_given_up_while_it_is_sent_takes_no_other_along(
    alarms: Alarms, receiver: Receiver, until: Until
) -> None:
    receiver.may_answer.clear()
    alarms.heard(notice("0"), True)
    await until(lambda: receiver.asked)
    for number in range(1, CAPACITY + 1):
        alarms.heard(notice(f"{number}"), True)
    receiver.may_answer.set()
    await until(lambda: len(receiver.taken) > CAPACITY)
    assert receiver.subjects == [f"{number}" for number in range(CAPACITY + 1)]


async def test_at_the_end_nobody_waits_for_a_webhook_that_does_not_answer(
    alarms: Alarms, receiver: Receiver, clock: ManualClock
) -> None:
    receiver.may_answer.clear()
    alarms.heard(notice("Chat"), True)
    flushing = asyncio.create_task(alarms.flush())
    await clock.advance(FLUSH_SECONDS - 0.1)
    assert not flushing.done()
    await clock.advance(0.1)
    assert flushing.done()


async def test_one_that_the_end_interrupts_is_sent_once_more(
    alarms: Alarms, receiver: Receiver, running: asyncio.Task[None], until: Until
) -> None:
    receiver.may_answer.clear()
    alarms.heard(notice("Chat"), True)
    await until(lambda: receiver.asked)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    receiver.may_answer.set()
    await alarms.flush()
    assert receiver.subjects == ["Chat"]


async def test_without_a_webhook_the_log_is_all(clock: ManualClock) -> None:
    alarms = Alarms(None, clock)
    alarms.heard(notice("Chat"), True)
    await alarms.run()
    await alarms.flush()
