"""Header blocks of answers, written by `hpack` as a server would, and by a hostile one."""

import pytest
from hpack import Decoder, Encoder, HeaderTuple, NeverIndexedHeaderTuple
from hpack.exceptions import HPACKError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.http2.answer_block import REMEMBERED, BlockReader
from gateway.http2.errors import ProtocolError
from tests.http2.sessions import CHANGE, mutated

VALUES = st.binary(max_size=300) | st.sampled_from([126, 127, 128, 255]).map(bytes)
LARGER_THAN_A_TABLE = st.just(b"a" * 4_100)
NAMES = st.sampled_from([b"apns-id", b"date", b"content-type", b"x-a"])


def steps(values: st.SearchStrategy[bytes]) -> st.SearchStrategy:
    """Draw the status and the fields of an answer, and whether they are Huffman-coded."""
    field = st.builds(HeaderTuple, NAMES, values) | st.builds(NeverIndexedHeaderTuple, NAMES, values)
    return st.tuples(st.sampled_from([b"200", b"410", b"503"]), st.lists(field, max_size=5), st.booleans())


STEP = steps(VALUES | LARGER_THAN_A_TABLE)
SIZED = st.tuples(st.integers(1, 4096) | st.sampled_from([40, 4096]), STEP)


def written(encoder: Encoder, step: tuple[bytes, list, bool]) -> bytes:
    status, fields, huffman = step
    return encoder.encode([HeaderTuple(b":status", status), *fields], huffman=huffman)


@settings(deadline=None)
@given(st.lists(SIZED, max_size=8), st.lists(STEP, max_size=8))
def test_blocks_mean_what_they_were_made_of_before_and_after_the_table_is_emptied(before: list, after: list) -> None:
    encoder, reader = Encoder(), BlockReader()
    for size, step in (*before, *((0, step) for step in (*after, *after))):
        encoder.header_table_size = size
        status, fields, _ = step
        head = reader.read(written(encoder, step))
        assert head.status == int(status)
        named = {name.decode(): value.decode("latin-1") for name, value in fields}
        assert head.headers == {":status": status.decode(), **named}


def blocks(steps: list, is_tableless: bool) -> bytes:
    """Write several blocks as one."""
    encoder = Encoder()
    encoder.header_table_size = 0 if is_tableless else 4096
    return b"".join(written(encoder, step) for step in steps)


SPOILT = st.builds(
    mutated, st.builds(blocks, st.lists(steps(VALUES), max_size=3), st.booleans()), st.lists(CHANGE, max_size=3)
)


@settings(deadline=None)
@example(b"\x80", True)
@example(b"\x00\x01x\x7f\x80\x80\x80\x80\x00" + b"y" * 127, True)
@example(b"\x00\x01x\x7f\x80\x80\x80\x80\x80\x00" + b"y" * 127, True)
@given(SPOILT | st.binary(max_size=60), st.booleans())
def test_any_octets_are_read_or_refused_as_hpack_does(octets: bytes, is_tableless: bool) -> None:
    reader, oracle = BlockReader(), Decoder()
    if is_tableless:
        reader.read(b"\x20\x88")
        oracle.header_table_size = oracle.max_allowed_table_size = 0
    try:
        expected = dict(oracle.decode(octets, raw=True))
    except HPACKError:
        expected = None
    try:
        read = {name.encode("latin-1"): value.encode("latin-1") for name, value in reader.read(octets).headers.items()}
    except ProtocolError:
        read = None
    assert read == expected


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([(":status", "200")], 200),
        ([("x", "y")], 0),
        ([], 0),
        ([("x", "y"), (":status", "200")], None),
        ([(":status", "200"), (":status", "200")], None),
        ([(":status", "200"), (":path", "/")], None),
        ([(":status", "099")], None),
        ([(":status", "2000")], None),
        ([(":status", "abc")], None),
        ([(":status", "200"), ("X-Upper", "y")], None),
        ([(":status", "200"), ("transfer-encoding", "chunked")], None),
    ],
)
def test_only_proper_heads_have_a_status(fields: list[tuple[str, str]], status: int | None) -> None:
    assert BlockReader().read(Encoder().encode(fields)).status == status


def test_equal_blocks_are_decoded_once_and_few_are_kept() -> None:
    reader = BlockReader()
    reader.read(b"\x20\x88")
    first = reader.read(b"\x88")
    assert reader.read(b"\x88") is first
    encoder = Encoder()
    encoder.header_table_size = 0
    for number in range(REMEMBERED + 10):
        reader.read(encoder.encode([(":status", "200"), ("apns-id", str(number))]))
    assert len(reader._heads) <= REMEMBERED
    large = encoder.encode([(":status", "200"), ("x", "y" * 2000)], huffman=False)
    assert reader.read(large).headers["x"] == "y" * 2000
    assert large not in reader._heads


def test_a_table_that_grows_again_without_leave_is_refused() -> None:
    reader = BlockReader()
    reader.read(b"\x20\x88")
    with pytest.raises(ProtocolError):
        reader.read(b"\x3f\xe1\x1f\x88")
    with pytest.raises(ProtocolError):
        reader.read(b"\x88\x20")
