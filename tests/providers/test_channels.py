"""One channel for each set of credentials, for as long as they are in use."""

import asyncio
import ssl
from collections.abc import Iterable

import msgspec
import pytest

from gateway.http2 import NotSent, Origin, Pool, Request
from gateway.model.app import FcmCredentials
from gateway.model.errors import CredentialsError
from gateway.providers.channels import Channels
from tests.clock import ManualClock

FIRST = FcmCredentials(project_id="p", client_email="e", service_account="{}", fingerprint="first")
SECOND = msgspec.structs.replace(FIRST, fingerprint="second")


class Wire:
    """A channel that notes how it was closed, and closes when the test lets it."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self.graces: list[float] = []
        self.may_close = asyncio.Event()
        self.may_close.set()
        self.pool = Pool(Origin("127.0.0.1", 9), ssl.create_default_context(), clock=ManualClock())

    def pools(self) -> Iterable[Pool]:
        return (self.pool,)

    async def aclose(self, grace: float) -> None:
        self.graces.append(grace)
        await self.may_close.wait()


class Opener:
    """Opens wires, or fails where it is told to."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.fails = False

    async def __call__(self, credentials: FcmCredentials) -> Wire:
        await asyncio.sleep(0)
        if self.fails:
            raise CredentialsError("no key")
        self.opened.append(credentials.fingerprint)
        return Wire(credentials.fingerprint)


@pytest.fixture
def opener() -> Opener:
    return Opener()


@pytest.fixture
def channels(opener: Opener) -> Channels[FcmCredentials, Wire]:
    return Channels(opener)


async def test_all_who_ask_at_once_get_the_one_channel(
    channels: Channels[FcmCredentials, Wire], opener: Opener
) -> None:
    wires = await asyncio.gather(*(channels.get(FIRST) for _ in range(20)), channels.get(SECOND))
    assert [wire.fingerprint for wire in wires] == ["first"] * 20 + ["second"]
    assert opener.opened == ["first", "second"]
    assert channels.all() == [wires[0], wires[-1]]


async def test_one_that_could_not_be_opened_is_not_tried_again_before_it_is_let_go(
    channels: Channels[FcmCredentials, Wire], opener: Opener
) -> None:
    opener.fails = True
    with pytest.raises(CredentialsError):
        await channels.get(FIRST)
    assert channels.all() == []
    opener.fails = False
    with pytest.raises(CredentialsError):
        await channels.get(FIRST)
    channels.retain((), 0.0)
    assert (await channels.get(FIRST)).fingerprint == "first"


async def test_all_but_those_in_use_begin_to_close_and_nobody_waits(channels: Channels[FcmCredentials, Wire]) -> None:
    first, second = await channels.get(FIRST), await channels.get(SECOND)
    first.may_close.clear()
    channels.retain({"second", "third"}, 7.0)
    assert channels.all() == [second]
    await asyncio.sleep(0)
    assert (first.graces, second.graces) == ([7.0], [])
    assert await channels.get(FIRST) is not first
    first.may_close.set()


async def test_what_a_channel_has_counted_stays_while_it_closes_and_after(
    channels: Channels[FcmCredentials, Wire],
) -> None:
    wire = await channels.get(FIRST)
    for _ in range(3):
        with pytest.raises(NotSent):
            await wire.pool.send(Request("/", (), (), b""), timeout=1)
    assert channels.gone().requests == 0
    wire.may_close.clear()
    channels.retain((), 7.0)
    assert channels.gone().requests == 3
    wire.may_close.set()
    await channels.aclose()
    assert channels.gone().requests == 3


async def test_closing_waits_for_all_that_are_closing_already(channels: Channels[FcmCredentials, Wire]) -> None:
    first, second = await channels.get(FIRST), await channels.get(SECOND)
    first.may_close.clear()
    channels.retain({"second"}, 7.0)
    closing = asyncio.create_task(channels.aclose())
    for _ in range(5):
        await asyncio.sleep(0)
    assert (first.graces, second.graces) == ([7.0], [0.0])
    assert not closing.done()
    first.may_close.set()
    await closing
    assert channels.all() == []
