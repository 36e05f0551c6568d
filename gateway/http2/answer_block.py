"""The header blocks of answers (HPACK, RFC 7541): read by `hpack`, and remembered.

We allow the peer no dynamic table. From the block in which it says so on, equal octets mean the same: a block, or a
field of a block that is new (Apple gives each answer an id), is decoded once.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hpack import Decoder
from hpack.exceptions import HPACKError

from gateway.http2.errors import ProtocolError
from gateway.http2.frames import COMPRESSION_ERROR

REMEMBERED = 512
"""How many blocks, and how many fields, are kept."""
_OF_A_CONNECTION = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})

Field = tuple[str, str]


class Head(NamedTuple):
    """What a block says. `status` is 0 in trailers, and None in a block that RFC 9113 section 8 does not allow."""

    status: int | None
    headers: Mapping[str, str]


class BlockReader:
    """Reads the peer's header blocks, in the order in which they come."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._is_tableless = False
        self._heads: dict[bytes, Head] = {}
        self._fields: dict[bytes, list[Field]] = {}

    def read(self, block: bytes) -> Head:
        """Return what a block says; of repeated headers the last.

        Raises:
            ProtocolError: it cannot be decoded; the connection's state is lost with it (RFC 9113 section 4.3).
        """
        head = self._heads.get(block)
        if head is None:
            head = _head(self._new_fields(block) if self._is_tableless else self._decode(block))
            if self._is_tableless:
                _remember(self._heads, block, head)
        return head

    def _new_fields(self, block: bytes) -> list[Field]:
        fields: list[Field] = []
        for piece in _pieces(block):
            decoded = self._fields.get(piece)
            if decoded is None:
                decoded = self._decode(piece)
                _remember(self._fields, piece, decoded)
            if fields and not decoded:
                raise ProtocolError(COMPRESSION_ERROR, "a table size update behind a field")
            fields += decoded
        return fields

    def _decode(self, block: bytes) -> list[Field]:
        try:
            decoded = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._raw(block)]
        except HPACKError:
            raise ProtocolError(COMPRESSION_ERROR, "a header block that cannot be decoded") from None
        if self._decoder.header_table_size == 0:
            self._decoder.max_allowed_table_size = 0
            self._is_tableless = True
        return decoded

    def _raw(self, block: bytes) -> Iterator[tuple[bytes, bytes]]:
        for header in self._decoder.decode(block, raw=True):
            yield bytes(header[0]), bytes(header[1])


def _remember[Value](kept: dict[bytes, Value], octets: bytes, value: Value) -> None:
    if len(kept) >= REMEMBERED:
        kept.clear()
    kept[octets] = value


def _pieces(block: bytes) -> Iterator[bytes]:
    """Cut a block into its fields and table size updates; the last may be cut short, which its decoding shows."""
    start = 0
    while start < len(block):
        end = _field_end(block, start)
        yield block[start:end]
        start = end


def _field_end(block: bytes, at: int) -> int:
    first = block[at]
    if first & 0x80:
        return _integer(block, at, 0x7F)[1]
    if first & 0x60 == 0x20:
        return _integer(block, at, 0x1F)[1]
    index, at = _integer(block, at, 0x3F if first & 0x40 else 0x0F)
    return _string_end(block, at if index else _string_end(block, at))


def _string_end(block: bytes, at: int) -> int:
    if at >= len(block):
        return at
    size, at = _integer(block, at, 0x7F)
    return at + size


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """Read an integer (section 5.1); return it and where it ends."""
    value, at = block[at] & mask, at + 1
    if value < mask:
        return value, at
    shift = 0
    for at in range(at, min(at + 5, len(block))):
        value += (block[at] & 0x7F) << shift
        shift += 7
        if not block[at] & 0x80:
            return value, at + 1
    raise ProtocolError(COMPRESSION_ERROR, "an integer without end")


def _head(fields: list[Field]) -> Head:
    headers = dict(fields)
    pseudo = [name for name, _ in fields if name.startswith(":")]
    if any(name != name.lower() or name in _OF_A_CONNECTION for name in headers):
        return Head(None, headers)
    if not pseudo:
        return Head(0, headers)
    name, status = fields[0]
    is_proper = pseudo == [":status"] and name == ":status" and len(status) == 3 and status.isascii() and status.isdecimal()
    return Head(int(status) if is_proper and status >= "100" else None, headers)
