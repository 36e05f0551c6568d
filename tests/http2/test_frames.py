"""Bytes into frames, in whatever pieces they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http2 import frames
from gateway.http2.errors import ProtocolError
from gateway.http2.frame_reader import MAX_PIECES, FrameReader
from gateway.http2.goaway import goaway_reason
from tests.http2 import scripted

PLAIN = st.tuples(st.sampled_from([0, 3, 4, 6, 8, 99]), st.integers(0, 255), st.integers(0, 2**31 - 1))


@given(st.lists(st.tuples(PLAIN, st.binary(max_size=40)), max_size=6), st.data())
def test_frames_come_out_as_they_went_in_however_they_are_cut(made: list, data: st.DataObject) -> None:
    octets = b"".join(scripted.frame(*head, payload) for head, payload in made)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=8)))
    reader = FrameReader()
    read = [
        one
        for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)
        for one in reader.feed(octets[start:end])
    ]
    assert read == [(*head, payload) for head, payload in made]


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", frames.FRAME_SIZE_ERROR),
        (scripted.frame(scripted.CONTINUATION, 4, 1), frames.PROTOCOL_ERROR),
        (scripted.frame(scripted.HEADERS, 0, 1) + scripted.frame(scripted.DATA, 0, 1), frames.PROTOCOL_ERROR),
        (scripted.frame(scripted.HEADERS, 0, 1) + scripted.frame(scripted.CONTINUATION, 4, 3), frames.PROTOCOL_ERROR),
        (scripted.frame(scripted.HEADERS, 0x8, 1, b"\x05abcd"), frames.PROTOCOL_ERROR),
        (scripted.frame(scripted.HEADERS, 0x8, 1), frames.PROTOCOL_ERROR),
        (scripted.frame(scripted.HEADERS, 0x20, 1, b"abcd"), frames.FRAME_SIZE_ERROR),
        (
            scripted.frame(scripted.HEADERS, 0, 1) + scripted.frame(scripted.CONTINUATION, 0, 1) * MAX_PIECES,
            frames.PROTOCOL_ERROR,
        ),
        (
            scripted.frame(scripted.HEADERS, 0, 1) + scripted.frame(scripted.CONTINUATION, 0, 1, bytes(16_384)) * 3,
            frames.PROTOCOL_ERROR,
        ),
    ],
)
def test_frames_that_stand_where_none_may_stand(octets: bytes, code: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        list(FrameReader().feed(octets))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("code", "debug", "reason"),
    [
        (0, b'{"reason":"Shutdown"}', "Shutdown"),
        (2, b'{"reason":"has spaces"}', "code_2"),
        (2, b'{"reason":5}', "code_2"),
        (0, b"max_age", "code_0"),
        (11, b"\xff\xfe", "code_11"),
        (2**31, b"", "code_other"),
        (0, b'{"reason":"' + b"x" * 100 + b'"}', "x" * 64),
    ],
)
def test_the_reason_of_a_goaway_is_one_word(code: int, debug: bytes, reason: str) -> None:
    assert goaway_reason(code, debug) == reason
