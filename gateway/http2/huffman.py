"""Huffman-coded text (RFC 7541 section 5.2), read an octet at a time.

`hpack` knows the code as steps of four bits. Two of them make a step of eight, and those that occur are kept: Apple's
answers have an id each in this code, and so it takes half the time.
"""

from hpack.huffman_table import HUFFMAN_COMPLETE, HUFFMAN_EMIT_SYMBOL, HUFFMAN_FAIL, HUFFMAN_TABLE

REMEMBERED = 8192
"""How many steps are kept; text of one kind needs a few hundred."""


class HuffmanReader(dict[int, tuple[int, str, int]]):
    """Steps by state and octet: the next state, the text they bring, and whether the text may end there."""

    def read(self, octets: bytes) -> str:
        """Return the text, an octet a character.

        Raises:
            ValueError: the octets are no such code, or end where none ends.
        """
        state, may_end, text = 0, HUFFMAN_COMPLETE, []
        for octet in octets:
            state, piece, may_end = self[state << 8 | octet]
            text.append(piece)
        if not may_end:
            raise ValueError("not a Huffman code")
        return "".join(text)

    def __missing__(self, key: int) -> tuple[int, str, int]:
        state, octet = key >> 8, key & 0xFF
        text = ""
        for nibble in (octet >> 4, octet & 0x0F):
            state, flags, symbol = HUFFMAN_TABLE[state << 4 | nibble]
            if flags & HUFFMAN_FAIL:
                raise ValueError("not a Huffman code")
            text += chr(symbol) if flags & HUFFMAN_EMIT_SYMBOL else ""
        if len(self) >= REMEMBERED:
            self.clear()
        step = self[key] = state, text, flags & HUFFMAN_COMPLETE
        return step
