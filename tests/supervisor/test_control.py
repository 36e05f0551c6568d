"""What the supervisor and a worker say to each other."""

import asyncio
import socket
from collections.abc import AsyncIterator

import msgspec
import pytest
import uvloop

from gateway.observability.merging import Family, Sample
from gateway.supervisor.control import LONGEST, Begin, Channel, Drain, Message, Status, Stop
from gateway.web.pages import AppRow, Overview, WorkspaceRow

ROW = WorkspaceRow("w", ["app"], suspended=True, held=False)
OVERVIEW = Overview([AppRow("app", "topic (production)", "", held=True, is_broken=False)], [ROW])
STATUS = Status(
    {"store": "the store does not answer"},
    [Family("pushes", "Pushes.", "counter", [Sample("pushes_total", {"app": "a" * 1_000_000}, float("inf"))])],
    OVERVIEW,
)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Channel, Channel]]:
    one, other = [await Channel.over(end) for end in socket.socketpair()]
    yield one, other
    await one.close()
    await other.close()


@pytest.fixture
async def raw() -> AsyncIterator[tuple[socket.socket, Channel]]:
    end, other = socket.socketpair()
    channel = await Channel.over(other)
    with end:
        yield end, channel
    await channel.close()


@pytest.mark.parametrize("message", [Begin(3, b"{}"), Drain(), Stop(), STATUS])
async def test_what_one_says_the_other_hears(pair: tuple[Channel, Channel], message: Message) -> None:
    one, other = pair
    for _ in range(2):
        sending = asyncio.create_task(one.send(message))
        assert await other.receive() == message
        await sending


def test_settings_are_not_shown() -> None:
    assert repr(Begin(3, b"hush-hush")) == "Begin(3, ***)"


def test_it_is_the_same_on_uvloop() -> None:
    async def talk() -> Message | None:
        one, other = [await Channel.over(end) for end in socket.socketpair()]
        sending = asyncio.create_task(one.send(STATUS))
        heard = await other.receive()
        await sending
        await one.close()
        assert await other.receive() is None
        await other.close()
        return heard

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(talk()) == STATUS


@pytest.mark.parametrize("last_words", [b"", b"\0\0", b"\0\0\0\5abc"])
async def test_the_end_is_heard_even_amid_a_message(raw: tuple[socket.socket, Channel], last_words: bytes) -> None:
    end, channel = raw
    end.sendall(last_words)
    end.close()
    assert await channel.receive() is None
    with pytest.raises(ConnectionError):
        for _ in range(100):
            await channel.send(Begin(1, b"x" * 1_000_000))


@pytest.mark.parametrize(
    "nonsense",
    [
        (LONGEST + 1).to_bytes(4),
        b"\xff" * 8,
        b"\0\0\0\1\xc1",
        b"\0\0\0\x0d" + msgspec.msgpack.encode({"type": "Retire"}),
    ],
    ids=["too long", "all ones", "no MessagePack", "an unknown message"],
)
async def test_another_language_is_not_taken_for_a_message(raw: tuple[socket.socket, Channel], nonsense: bytes) -> None:
    end, channel = raw
    end.sendall(nonsense)
    with pytest.raises(msgspec.DecodeError):
        await channel.receive()
