"""The header blocks of answers (HPACK, RFC 7541), read and remembered.

We allow the peer no dynamic table. Up to the block in which it says that it has heard, blocks are read by `hpack`.
From then on equal octets mean the same, and a block is decoded once. A block that is new is read here, for Apple gives
each answer an id of its own and `hpack` takes its time.
"""

from collections.abc import Mapping
from typing import NamedTuple

from hpack import Decoder
from hpack.exceptions import HPACKError
from hpack.table import HeaderTable

from gateway.http2.errors import ProtocolError
from gateway.http2.frames import COMPRESSION_ERROR
from gateway.http2.huffman import HuffmanReader

REMEMBERED = 512
"""How many blocks are kept."""
_WORTH_REMEMBERING = 1024
"""Octets; what is larger hardly comes twice, and would let a peer fill our memory."""
_STATIC = tuple((name.decode(), value.decode()) for name, value in HeaderTable.STATIC_TABLE)
_OF_A_CONNECTION = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})

Field = tuple[str, str]


class Head(NamedTuple):
    """What a block says. `status` is 0 in trailers, and None in a block that RFC 9113 section 8 does not allow."""

    status: int | None
    headers: Mapping[str, str]
    length: str | None
    """The `content-length`."""


class BlockReader:
    """Reads the peer's header blocks, in the order in which they come."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._is_tableless = False
        self._heads: dict[bytes, Head] = {}
        self._huffman = HuffmanReader()

    def read(self, block: bytes) -> Head:
        """Return what a block says; of repeated headers the last.

        Raises:
            ProtocolError: it cannot be decoded; the connection's state is lost with it (RFC 9113 section 4.3).
        """
        if not self._is_tableless:
            return _head(self._decode(block))
        head = self._heads.get(block)
        if head is None:
            head = _head(self._fields(block))
            self._remember(block, head)
        return head

    def _remember(self, block: bytes, head: Head) -> None:
        if len(block) > _WORTH_REMEMBERING:
            return
        if len(self._heads) >= REMEMBERED:
            self._heads.clear()
        self._heads[block] = head

    def _decode(self, block: bytes) -> list[Field]:
        try:
            decoded = [(bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)]
        except HPACKError:
            raise ProtocolError(COMPRESSION_ERROR, "a header block that cannot be decoded") from None
        self._is_tableless = self._decoder.header_table_size == 0
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in decoded]

    def _fields(self, block: bytes) -> list[Field]:
        """Read a block that refers to no table but the static one (section 6)."""
        fields: list[Field] = []
        at = 0
        try:
            while at < len(block):
                if block[at] & 0xE0 == 0x20:
                    at = _size_update(block, at, is_first=not fields)
                else:
                    field, at = self._field(block, at)
                    fields.append(field)
        except (IndexError, ValueError):
            raise ProtocolError(COMPRESSION_ERROR, "a header block that is cut short, or refers to nothing") from None
        return fields

    def _field(self, block: bytes, at: int) -> tuple[Field, int]:
        first = block[at]
        if first & 0x80:
            index, at = _integer(block, at, 0x7F)
            return _static(index), at
        index, at = _integer(block, at, 0x3F if first & 0x40 else 0x0F)
        name, at = (_static(index)[0], at) if index else self._string(block, at)
        value, at = self._string(block, at)
        return (name, value), at

    def _string(self, block: bytes, at: int) -> tuple[str, int]:
        first = block[at]
        size, at = (first & 0x7F, at + 1) if first & 0x7F != 0x7F else _integer(block, at, 0x7F)
        octets, end = block[at : at + size], at + size
        if end > len(block):
            raise IndexError
        return self._huffman.read(octets) if first & 0x80 else octets.decode("latin-1"), end


def _static(index: int) -> Field:
    if not index:
        raise IndexError
    return _STATIC[index - 1]


def _size_update(block: bytes, at: int, is_first: bool) -> int:
    """Read past an update; it can only say again that the table is empty (section 4.2)."""
    size, at = _integer(block, at, 0x1F)
    if size or not is_first:
        raise ProtocolError(COMPRESSION_ERROR, "a table size update where none may be")
    return at


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """Read an integer (section 5.1); return it and where it ends."""
    value, at = block[at] & mask, at + 1
    if value < mask:
        return value, at
    for number, octet in enumerate(block[at : at + 5]):
        value += (octet & 0x7F) << 7 * number
        if not octet & 0x80:
            return value, at + number + 1
    raise ProtocolError(COMPRESSION_ERROR, "an integer without end")


def _head(fields: list[Field]) -> Head:
    headers = dict(fields)
    names = "".join([name for name, _ in fields])
    is_allowed = names == names.lower() and _OF_A_CONNECTION.isdisjoint(headers)
    return Head(_status(fields, names) if is_allowed else None, headers, headers.get("content-length"))


def _status(fields: list[Field], names: str) -> int | None:
    """Read the status, which must come first and alone: no other name has a colon (RFC 9113 section 8.2.1)."""
    if ":" not in names:
        return 0
    name, status = fields[0]
    is_only = name == ":status" and names.count(":") == 1
    is_proper = is_only and len(status) == 3 and status.isascii() and status.isdecimal() and status >= "100"
    return int(status) if is_proper else None
