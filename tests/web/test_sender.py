"""Who a request says it is from."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from gateway.model.address import HostPort, Network
from gateway.model.clock import SystemClock
from gateway.web.listening import Listener, bind
from gateway.web.sender import sender_of

LOOPBACK = "127.0.0.1/32"


class Mirror:
    """A server that says whom it takes each request to be from."""

    def __init__(self, session: aiohttp.ClientSession, listener: Listener) -> None:
        self.trusted: tuple[Network, ...] = ()
        self._session = session
        self._listener = listener

    async def ask(self, *headers: tuple[str, str]) -> tuple[str, str]:
        async with self._session.get(f"http://{self._listener.address}/", headers=headers) as answer:
            document = await answer.json()
        return document["address"], document["bearer"]


@pytest.fixture
async def mirror() -> AsyncIterator[Mirror]:
    async def answer(request: web.Request) -> web.Response:
        sender = sender_of(request)
        return web.json_response({"address": str(sender.address(mirror.trusted)), "bearer": str(sender.bearer)})

    app = web.Application()
    app.router.add_get("/", answer)
    listener = Listener(app, await asyncio.to_thread(bind, HostPort("127.0.0.1", 0)), SystemClock(), 1.0)
    await listener.open()
    async with aiohttp.ClientSession() as session:
        mirror = Mirror(session, listener)
        yield mirror
    await listener.close()


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        ([], [], "127.0.0.1"),
        ([], ["192.0.2.7"], "127.0.0.1"),
        (["10.0.0.0/8"], ["192.0.2.7"], "127.0.0.1"),
        ([LOOPBACK], [], "127.0.0.1"),
        ([LOOPBACK], [""], "127.0.0.1"),
        ([LOOPBACK], ["192.0.2.7"], "192.0.2.7"),
        ([LOOPBACK], ["198.51.100.9, 192.0.2.7"], "192.0.2.7"),
        ([LOOPBACK], ["198.51.100.9", "192.0.2.7"], "192.0.2.7"),
        ([LOOPBACK, "10.0.0.0/8"], ["198.51.100.9, 192.0.2.7, 10.1.2.3"], "192.0.2.7"),
        ([LOOPBACK, "10.0.0.0/8"], ["192.0.2.7 ,10.1.2.3", " 10.4.5.6 "], "192.0.2.7"),
        ([LOOPBACK, "10.0.0.0/8"], ["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
        ([LOOPBACK, "10.0.0.0/8"], ["192.0.2.7,, 10.1.2.3"], "10.1.2.3"),
        ([LOOPBACK], ["192.0.2.7, nonsense"], "None"),
        ([LOOPBACK], ["unknown"], "None"),
        ([LOOPBACK], ["2001:db8::7"], "2001:db8::7"),
        ([LOOPBACK], ["[2001:db8::7]"], "2001:db8::7"),
        ([LOOPBACK], ["::ffff:192.0.2.7"], "192.0.2.7"),
    ],
)
async def test_the_address_is_the_last_that_no_trusted_proxy_has(
    mirror: Mirror, trusted: list[str], forwarded: list[str], address: str
) -> None:
    mirror.trusted = tuple(Network.parse(text) for text in trusted)
    assert (await mirror.ask(*(("X-Forwarded-For", line) for line in forwarded)))[0] == address


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, "None"),
        ("", "None"),
        ("Bearer", "None"),
        ("Bearer ", "None"),
        ("Bearer abc", "abc"),
        ("bearer   abc  ", "abc"),
        ("BEARER abc", "abc"),
        ("Bearer a b", "a b"),
        ("Basic abc", "None"),
        ("abc", "None"),
        ("Bearerabc", "None"),
    ],
)
async def test_the_bearer_is_what_follows_the_word(mirror: Mirror, header: str | None, token: str) -> None:
    headers = [("Authorization", header)] if header is not None else []
    assert (await mirror.ask(*headers))[1] == token
