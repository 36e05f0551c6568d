"""Header blocks of requests, read back by `hpack` as a server would."""

from collections.abc import Iterable

import pytest
from hpack import Decoder
from hpack.hpack import decode_integer
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http2 import NotSent
from gateway.http2.header_block import OUR_TABLE, BlockWriter

SHORT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=200)
TEXT = SHORT | st.sampled_from([126, 127, 128, 255, 511, 512, 4_000, 5_000, 70_000]).map(lambda size: "x" * size)
NAMES = st.sampled_from(["apns-topic", "authorization", "content-type", "x-a", "x-b", "accept-encoding", "cookie"])
HEADERS = st.lists(st.tuples(NAMES, TEXT), max_size=4).map(tuple)
FEW_HEADERS = st.sampled_from([(("apns-topic", f"t{n}"), ("authorization", f"bearer {n}")) for n in range(4)])
CONSTANT = st.one_of(FEW_HEADERS, HEADERS)
SIZES = st.integers(0, 6_000) | st.sampled_from([0, 45, 100, 4_095, 4_096, 2**32 - 1])
STEP = st.one_of(SIZES, st.tuples(TEXT, CONSTANT, HEADERS))


def read(decoder: Decoder, block: bytes) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in decoder.decode(block)]


def expected(path: str, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "host"), *headers]


def updates(block: bytes) -> list[int]:
    """Read the table sizes that a block begins with."""
    sizes = []
    while block[0] & 0xE0 == 0x20:
        size, length = decode_integer(block, 5)
        sizes.append(size)
        block = block[length:]
    return sizes


@settings(deadline=None)
@given(st.lists(STEP, max_size=30))
def test_what_is_written_is_what_a_server_reads(steps: list[int | tuple[str, tuple, tuple]]) -> None:
    """The smallest table there was in between is announced as well, for the server has emptied it that far."""
    writer, decoder = BlockWriter("host"), Decoder(max_header_list_size=2**20)
    lowest = decoder.header_table_size
    for step in steps:
        if isinstance(step, int):
            writer.resize(step)
            decoder.max_allowed_table_size = step
            lowest = min(lowest, step)
            continue
        path, constant, varying = step
        block = writer.write(path, constant, varying)
        assert min([decoder.header_table_size, *updates(block)]) <= lowest
        assert read(decoder, block) == expected(path, constant + varying)
        assert decoder.header_table_size <= OUR_TABLE
        lowest = decoder.header_table_size


def test_constant_headers_are_one_octet_each_from_the_second_request_on() -> None:
    writer = BlockWriter("host")
    constant = (("apns-topic", "a.b.c"), ("authorization", "bearer " + "x" * 200))
    first = writer.write("/", constant, ())
    second = writer.write("/", constant, ())
    assert len(first) > 200
    assert len(second) == len(b"\x83\x87" + b"\x14\x01/") + 3


def test_paths_and_varying_headers_are_never_indexed() -> None:
    decoder = Decoder()
    list(decoder.decode(BlockWriter("host").write("/token", (), (("apns-id", "1"), ("cookie", "2")))))
    assert [name for name, _ in decoder.header_table.dynamic_entries] == [b":authority"]
    headers = decoder.decode(BlockWriter("host").write("/token", (), (("apns-id", "1"),)))
    assert {header[0] for header in headers if not header.indexable} == {":path", "apns-id"}


def test_a_table_that_shrank_and_grew_again_is_announced_as_both() -> None:
    writer, decoder = BlockWriter("host"), Decoder()
    constant = (("apns-topic", "topic"),)
    read(decoder, writer.write("/", constant, ()))
    writer.resize(0)
    writer.resize(4096)
    block = writer.write("/", constant, ())
    assert block[0] == 0x20
    assert read(decoder, block) == expected("/", constant)


def test_a_table_of_nothing_takes_nothing() -> None:
    writer, decoder = BlockWriter("host"), Decoder()
    writer.resize(0)
    for _ in range(2):
        read(decoder, writer.write("/", (("authorization", "bearer x"),), ()))
    assert not decoder.header_table.dynamic_entries


def test_a_larger_table_is_not_used() -> None:
    writer = BlockWriter("host")
    writer.resize(1 << 20)
    assert writer.write("/", (), ())[0] == 0x83


@pytest.mark.parametrize("bad", ["a\r\nb", "a\x00", "\x7f", "ä", "a\tb", "\ud800"])
def test_what_no_header_may_hold_changes_nothing(bad: str) -> None:
    writer, decoder = BlockWriter("host"), Decoder()
    fine = (("x-a", "1"),)
    for path, constant, varying in [
        ("/" + bad, fine, ()),
        ("/", (("x-new", "1"), ("x-b", bad)), ()),
        ("/", (("x-" + bad, "1"),), ()),
        ("/", (("x-newer", "1"),), (("x-b", bad),)),
    ]:
        with pytest.raises(NotSent) as caught:
            writer.write(path, constant, varying)
        assert caught.value.reason == "invalid_request"
        assert bad not in str(caught.value)
    constant = (("x-new", "1"), ("x-newer", "1"))
    for _ in range(2):
        assert read(decoder, writer.write("/", constant, ())) == expected("/", constant)


def test_many_sets_of_constant_headers_are_not_all_kept() -> None:
    writer, decoder = BlockWriter("host"), Decoder()
    for number in range(300):
        constant = (("apns-topic", f"topic{number % 100}"),)
        for _ in range(2):
            assert read(decoder, writer.write("/", constant, ())) == expected("/", constant)
