"""The header blocks of requests (HPACK, RFC 7541), written by hand.

Constant headers enter the peer's dynamic table once and are an index from then on; all else is a literal that no
table may keep (section 6.2.3), without Huffman coding, which costs more than it saves here.
"""

from collections import OrderedDict

from hpack.table import HeaderTable

from gateway.http2.errors import NotSent
from gateway.http2.values import Headers

OUR_TABLE = 4096
"""The most we use of the peer's dynamic table, in octets as RFC 7541 section 4.1 counts them."""
_ENTRY_OVERHEAD = 32
_FIRST_DYNAMIC = 62
_STATIC_NAMES = {entry[0].decode(): index + 1 for index, entry in reversed(list(enumerate(HeaderTable.STATIC_TABLE)))}
_REMEMBERED = 64
"""How many sets of constant headers, and how many names of others, are kept ready; a pool sees a few."""
_WITH_INDEXING, _NEVER_INDEXED = (0x40, 6), (0x10, 4)
_POST_HTTPS_PATH = b"\x83\x87\x14"
"""`:method: POST`, `:scheme: https`, and `:path` never indexed."""


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


_USUAL = 512
_SHORT = tuple(integer(length, 0, 7) for length in range(_USUAL))
"""The length that stands before a string without Huffman coding (section 5.2), ready for those that are usual."""


def _string(text: str) -> bytes:
    if not (text.isascii() and text.isprintable()):
        raise NotSent("invalid_request")
    octets = text.encode()
    return (_SHORT[len(octets)] if len(octets) < _USUAL else integer(len(octets), 0, 7)) + octets


def _name(name: str, form: tuple[int, int]) -> bytes:
    index = _STATIC_NAMES.get(name)
    return integer(index, *form) if index else bytes((form[0],)) + _string(name)


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
        self._names: dict[str, bytes] = {}

    def resize(self, peer_limit: int) -> None:
        """Hear the peer's SETTINGS_HEADER_TABLE_SIZE; the next block begins with what we make of it."""
        limit = min(peer_limit, OUR_TABLE)
        if limit != self._limit:
            self._limit = limit
            lowest = min(limit, *self._announce) if self._announce else limit
            self._announce = [limit] if lowest == limit else [lowest, limit]
            self._evict(lowest)
            self._written.clear()

    def write(self, path: str, constant: Headers, varying: Headers) -> bytes:
        """Write the block of a POST over https (RFC 9113 section 8.3.1).

        Raises:
            NotSent: a character that no header may hold (section 8.2.1). The peer's table is as it was.
        """
        literals = [(self._names.get(name) or self._remember(name)) + _string(value) for name, value in varying]
        before = _POST_HTTPS_PATH + _string(path)
        constants = self._written.get(constant)
        if constants is None:
            constants = self._constants((self._authority, *constant), constant)
        if self._announce:
            before = b"".join([integer(size, 0x20, 5) for size in self._announce]) + before
            self._announce.clear()
        return b"".join((before, constants, *literals))

    def _remember(self, name: str) -> bytes:
        """Write the name of a header that no table may keep, and keep it ready."""
        written = _name(name, _NEVER_INDEXED)
        if len(self._names) < _REMEMBERED:
            self._names[name] = written
        return written

    def _constants(self, headers: Headers, key: Headers) -> bytes:
        for name, value in headers:  # before the first enters the table: none may be left there unsent
            _string(name), _string(value)
        before = self._inserted
        written = b"".join([self._constant(header) for header in headers])
        if self._inserted == before and len(self._written) < _REMEMBERED:
            self._written[key] = written
        return written

    def _constant(self, header: tuple[str, str]) -> bytes:
        inserted = self._table.get(header)
        if inserted is not None:
            return integer(_FIRST_DYNAMIC + self._inserted - 1 - inserted, 0x80, 7)
        if not self._insert(header):
            return _name(header[0], _NEVER_INDEXED) + _string(header[1])
        return _name(header[0], _WITH_INDEXING) + _string(header[1])

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


def _entry_size(header: tuple[str, str]) -> int:
    return len(header[0]) + len(header[1]) + _ENTRY_OVERHEAD
