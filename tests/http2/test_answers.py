"""Requests and their answers, whole, in pieces, in any order, and larger than we take them."""

import asyncio

from gateway.http2 import Limits
from tests.http2.conftest import MakePool, Send
from tests.http2.scripted import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    RST_STREAM,
    WINDOW_UPDATE,
    Server,
    frame,
)


async def test_a_request_arrives_whole_and_its_answer_returns(server: Server, send: Send) -> None:
    sending = send("/3/device/abc", b'{"aps":{}}')
    peer = await server.accepted()
    request = await peer.request()
    assert request.headers == [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", "/3/device/abc"),
        (":authority", f"127.0.0.1:{server.port}"),
        ("content-type", "application/json"),
        ("x-id", "/3/device/abc"),
    ]
    assert request.body == b'{"aps":{}}'
    peer.answer(request.stream, 400, b'{"reason":"BadDeviceToken"}', [("apns-id", "1")])
    response = await sending
    assert response.status == 400
    assert response.headers["apns-id"] == "1"
    assert response.body == b'{"reason":"BadDeviceToken"}'


async def test_a_request_without_a_body_ends_with_its_headers(server: Server, send: Send) -> None:
    sending = send(body=b"")
    peer = await server.accepted()
    request = await peer.request()
    assert request.body == b""
    assert peer.frames[-1].flags == END_HEADERS | END_STREAM
    peer.answer(request.stream)
    assert (await sending).status == 200


async def test_answers_find_their_requests_in_any_order(server: Server, send: Send) -> None:
    sending = [send(f"/{number}") for number in range(10)]
    peer = await server.accepted()
    requests = await peer.requests(10)
    for request in reversed(requests):
        peer.answer(request.stream, 200, request.path.encode())
    assert [(await task).body for task in sending] == [f"/{number}".encode() for number in range(10)]


async def test_an_answer_that_arrives_byte_by_byte(server: Server, send: Send) -> None:
    sending = send()
    peer = await server.accepted()
    request = await peer.request()
    block = peer.block(200)
    for byte in frame(HEADERS, END_HEADERS, request.stream, block) + frame(DATA, END_STREAM, request.stream, b"slow"):
        peer.send(bytes((byte,)))
        await asyncio.sleep(0)
    assert (await sending).body == b"slow"


async def test_more_than_the_limit_of_a_body_is_cut(server: Server, make_pool: MakePool, send: Send) -> None:
    by = make_pool(Limits(max_response_body=20_000))
    sending = send(by=by)
    peer = await server.accepted()
    request = await peer.request()
    peer.send(frame(HEADERS, END_HEADERS, request.stream, peer.block(410)))
    peer.send(*[frame(DATA, 0, request.stream, b"x" * 10_000) for _ in range(3)])
    response = await sending
    assert (response.status, response.body) == (410, b"x" * 20_000)
    assert (await peer.until(RST_STREAM)).stream == request.stream
    assert by.statistics().in_flight == 0


async def test_received_data_is_acknowledged_on_stream_and_connection(
    server: Server, make_pool: MakePool, send: Send
) -> None:
    sending = send(by=make_pool(Limits(max_response_body=10**6)))
    peer = await server.accepted()
    request = await peer.request()
    body = b"x" * 300_000
    room = {0: 65_535, request.stream: 65_535}
    peer.send(frame(HEADERS, END_HEADERS, request.stream, peer.block()))
    while body:
        size = min(*room.values(), 16_384, len(body))
        if size == 0:
            update = await peer.until(WINDOW_UPDATE)
            room[update.stream] += update.number
            continue
        piece, body = body[:size], body[size:]
        room = {stream: left - size for stream, left in room.items()}
        peer.send(frame(DATA, 0 if body else END_STREAM, request.stream, piece))
    assert len((await sending).body) == 300_000
