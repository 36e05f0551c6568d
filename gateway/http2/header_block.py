"""Header blocks (HPACK, RFC 7541): ours written by hand, the peer's read by `hpack` and remembered.

Writing: constant headers enter the peer's dynamic table once and are an index from then on; all else is a literal
without indexing and without Huffman coding. Reading: we allow the peer no dynamic table, so equal blocks mean the
same and need decoding once.
"""

from collections import OrderedDict
from collections.abc import Mapping

from hpack import Decoder
from hpack.exceptions import HPACKError
from hpack.table import HeaderTable

from gateway.http2.errors import ProtocolError
from gateway.http2.frames import COMPRESSION_ERROR, PROTOCOL_ERROR
from gateway.http2.values import Headers

OUR_TABLE = 4096
"""The most we use of the peer's dynamic table, in octets as RFC 7541 section 4.1 counts them."""
_ENTRY_OVERHEAD = 32
_FIRST_DYNAMIC = 62
_STATIC_NAMES = {entry[0].decode(): index + 1 for index, entry in reversed(list(enumerate(HeaderTable.STATIC_TABLE)))}
_POST_HTTPS = b"\x83\x87"
_WITH_INDEXING, _WITHOUT_INDEXING = (0x40, 6), (0x00, 4)
_REMEMBERED = 512


def integer(value: int, first: int, bits: int) -> bytes:
    """Write an integer with a prefix of `bits` bits in an octet that begins with `first` (section 5.1)."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes((first | value,))
    octets = [first | limit]
    value -= limit
    while value >= 128:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def _string(text: str) -> bytes:
    octets = text.encode()
    return integer(len(octets), 0, 7) + octets


def _literal(name: str, value: str, form: tuple[int, int]) -> bytes:
    index = _STATIC_NAMES.get(name)
    head = integer(index, *form) if index else bytes((form[0],)) + _string(name)
    return head + _string(value)


class BlockWriter:
    """Writes the header blocks of one connection, in the order in which they are sent."""

    def __init__(self, authority: str) -> None:
        self._authority = (":authority", authority)
        self._inserted = 0
        self._table: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._octets = 0
        self._limit = OUR_TABLE
        self._announce: list[int] = []
        self._written: dict[Headers, bytes] = {}

    def resize(self, peer_limit: int) -> None:
        """Hear the peer's SETTINGS_HEADER_TABLE_SIZE; the next block begins with what we make of it."""
        limit = min(peer_limit, OUR_TABLE)
        if limit != self._limit:
            self._limit = limit
            lowest = min(limit, *self._announce) if self._announce else limit
            self._announce = [limit] if lowest == limit else [lowest, limit]
            self._evict(lowest)

    def write(self, path: str, constant: Headers, varying: Headers) -> bytes:
        """Write the block of a POST over https (RFC 9113 section 8.3.1)."""
        updates = b"".join(integer(size, 0x20, 5) for size in self._announce)
        self._announce.clear()
        authority = self._constants((self._authority,))
        rest = self._constants(constant)
        literals = b"".join([_literal(name, value, _WITHOUT_INDEXING) for name, value in varying])
        return b"".join((updates, _POST_HTTPS, authority, _literal(":path", path, _WITHOUT_INDEXING), rest, literals))

    def _constants(self, headers: Headers) -> bytes:
        written = self._written.get(headers)
        if written is None:
            before = self._inserted
            written = b"".join([self._constant(header) for header in headers])
            if self._inserted == before:
                self._written[headers] = written
        return written

    def _constant(self, header: tuple[str, str]) -> bytes:
        inserted = self._table.get(header)
        if inserted is not None:
            return integer(_FIRST_DYNAMIC + self._inserted - 1 - inserted, 0x80, 7)
        if not self._insert(header):
            return _literal(*header, _WITHOUT_INDEXING)
        return _literal(*header, _WITH_INDEXING)

    def _insert(self, header: tuple[str, str]) -> bool:
        size = _entry_size(header)
        if size > self._limit:
            return False
        self._evict(self._limit - size)
        self._table[header] = self._inserted
        self._inserted += 1
        self._octets += size
        self._written.clear()
        return True

    def _evict(self, limit: int) -> None:
        """Drop the oldest entries until what is left has at most `limit` octets, as the peer does (section 4.3)."""
        while self._octets > limit:
            header, _ = self._table.popitem(last=False)
            self._octets -= _entry_size(header)
            self._written.clear()


def _entry_size(header: tuple[str, str]) -> int:
    return len(header[0].encode()) + len(header[1].encode()) + _ENTRY_OVERHEAD


class BlockReader:
    """Reads the peer's header blocks, in the order in which they come."""

    def __init__(self) -> None:
        self._decoder: Decoder | None = Decoder()
        self._remembered: dict[bytes, Mapping[str, str]] = {}

    def read(self, block: bytes) -> Mapping[str, str]:
        """Return a block's headers; of repeated ones the last.

        Raises:
            ProtocolError: it cannot be decoded; the connection's state is lost with it.
        """
        if block[:1] == b"\x20":  # the peer has heard that its table is to be empty: from here on blocks stand alone
            self._decoder, block = None, block.lstrip(b"\x20")
        if self._decoder is not None:
            return _decode(self._decoder, block)
        headers = self._remembered.get(block)
        if headers is None:
            headers = _decode(_tableless(), block)
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[block] = headers
        return headers


def _tableless() -> Decoder:
    decoder = Decoder()
    decoder.max_allowed_table_size = 0
    decoder.header_table_size = 0
    return decoder


def _decode(decoder: Decoder, block: bytes) -> Mapping[str, str]:
    try:
        return {name.decode(): value.decode() for name, value in decoder.decode(block, raw=True)}
    except HPACKError:
        raise ProtocolError(COMPRESSION_ERROR, "a header block that cannot be decoded") from None
    except UnicodeDecodeError:
        raise ProtocolError(PROTOCOL_ERROR, "a header that is not UTF-8") from None
