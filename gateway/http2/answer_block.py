"""The header blocks of answers (HPACK, RFC 7541), read and remembered.

We allow the peer no dynamic table. Up to the block in which it says that it has heard, blocks are read by `hpack`.
From then on equal octets mean the same, and a block or a Huffman-coded text is decoded once. A block that is new is
read here, for Apple gives each answer an id of its own and `hpack` takes its time.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from hpack import Decoder
from hpack.exceptions import HPACKError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from gateway.http2.errors import ProtocolError
from gateway.http2.frames import COMPRESSION_ERROR

REMEMBERED = 512
"""How many blocks, and how many texts, are kept."""
_WORTH_REMEMBERING = 1024
"""Octets; what is larger hardly comes twice, and would let a peer fill our memory."""
_STATIC = tuple((name.decode(), value.decode()) for name, value in HeaderTable.STATIC_TABLE)
_OF_A_CONNECTION = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})

Field = tuple[str, str]
Value = TypeVar("Value")


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
        self._texts: dict[bytes, str] = {}

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
            _remember(self._heads, block, head)
        return head

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
        except IndexError:
            raise ProtocolError(COMPRESSION_ERROR, "a header block that is cut short, or refers to nothing") from None
        return fields

    def _field(self, block: bytes, at: int) -> tuple[Field, int]:
        first = block[at]
        if first & 0x80:
            index, at = _integer(block, at, 0x7F)
            return _static(index), at
        index, at = _integer(block, at, 0x3F if first & 0x40 else 0x0F)
        if index:
            name = _static(index)[0]
        else:
            name, at = self._string(block, at)
        value, at = self._string(block, at)
        return (name, value), at

    def _string(self, block: bytes, at: int) -> tuple[str, int]:
        is_huffman = block[at] & 0x80
        size, at = _integer(block, at, 0x7F)
        octets, end = block[at : at + size], at + size
        if end > len(block):
            raise IndexError
        return self._huffman(octets) if is_huffman else octets.decode("latin-1"), end

    def _huffman(self, octets: bytes) -> str:
        text = self._texts.get(octets)
        if text is None:
            try:
                text = decode_huffman(octets).decode("latin-1")
            except HPACKError:
                raise ProtocolError(COMPRESSION_ERROR, "a text that is no Huffman code") from None
            _remember(self._texts, octets, text)
        return text


def _remember(kept: dict[bytes, Value], octets: bytes, value: Value) -> None:
    if len(octets) > _WORTH_REMEMBERING:
        return
    if len(kept) >= REMEMBERED:
        kept.clear()
    kept[octets] = value


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
    return Head(_status(fields, headers), headers, headers.get("content-length"))


def _status(fields: list[Field], headers: Mapping[str, str]) -> int | None:
    if any(name != name.lower() or name in _OF_A_CONNECTION for name in headers):
        return None
    pseudo = [name for name, _ in fields if name.startswith(":")]
    if not pseudo:
        return 0
    name, status = fields[0]
    is_first_and_only = pseudo == [":status"] and name == ":status"
    is_proper = is_first_and_only and len(status) == 3 and status.isascii() and status.isdecimal() and status >= "100"
    return int(status) if is_proper else None
