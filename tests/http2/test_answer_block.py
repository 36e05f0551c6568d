"""Header blocks of answers, written by `hpack` as a server would, and by a hostile one."""

import pytest
from hpack import Decoder, Encoder
from hpack.exceptions import HPACKError
from hypothesis import given
from hypothesis import strategies as st

from gateway.http2.answer_block import REMEMBERED, BlockReader
from gateway.http2.errors import ProtocolError

VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=300)
FIELDS = st.lists(st.tuples(st.sampled_from(["apns-id", "date", "content-type", "x-a"]), VALUES), max_size=5)
STEP = st.tuples(st.sampled_from(["200", "410", "503"]), FIELDS, st.booleans())


@given(st.lists(STEP, max_size=8), st.lists(STEP, max_size=8))
def test_blocks_mean_what_they_were_made_of_before_and_after_the_table_is_emptied(before: list, after: list) -> None:
    encoder, reader = Encoder(), BlockReader()
    for steps, size in ((before, 4096), (after, 0), (after, 0)):
        encoder.header_table_size = size
        for status, fields, huffman in steps:
            head = reader.read(encoder.encode([(":status", status), *fields], huffman=huffman))
            assert head.status == int(status)
            assert head.headers == {":status": status, **dict(fields)}


@given(st.binary(max_size=60), st.booleans())
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
