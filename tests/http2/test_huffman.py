"""Huffman-coded text, with `hpack` as the judge."""

import pytest
from hpack.exceptions import HPACKError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman
from hypothesis import given
from hypothesis import strategies as st

from gateway.http2.huffman import REMEMBERED, HuffmanReader

READER = HuffmanReader()


def coded(octets: bytes) -> bytes:
    return HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(octets)


@given(st.binary(max_size=200))
def test_what_was_coded_is_read(octets: bytes) -> None:
    assert READER.read(coded(octets)).encode("latin-1") == octets


@given(st.binary(max_size=40))
def test_any_octets_are_read_or_refused_as_hpack_does(octets: bytes) -> None:
    try:
        expected = decode_huffman(octets)
    except HPACKError:
        with pytest.raises(ValueError, match="Huffman"):
            READER.read(octets)
    else:
        assert READER.read(octets).encode("latin-1") == expected


def test_only_so_many_steps_are_kept() -> None:
    reader = HuffmanReader()
    octets = bytes(range(256))
    for first in range(256):
        text = bytes([first]) + octets
        assert reader.read(coded(text)).encode("latin-1") == text
        assert len(reader) <= REMEMBERED
    for key in range(256 * 256):
        try:
            reader[key]
        except ValueError:
            continue
        assert len(reader) <= REMEMBERED
