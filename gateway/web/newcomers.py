"""Turning newcomers away from a listening socket before it is closed.

Whoever the kernel has accepted for us, and we have not, is reset when the socket closes; and between the last look at
the queue and the close somebody may always come. So the kernel first drops what would open a new connection. Those
clients ask again after a second (RFC 6298 section 2.1), and find the gateway that was started in our place.
"""

import ctypes
import socket
import struct
from contextlib import suppress

_SO_ATTACH_FILTER = 26
"""Of Linux; Python does not name it."""
_SYN_AND_ACK, _SYN, _FLAGS_AT = 0x12, 0x02, 13
"""The flags of a TCP header (RFC 9293 section 3.1)."""
_DROP, _KEEP = 0, 0x40000
_PROGRAM = (
    (0x30, 0, 0, _FLAGS_AT),  # load the flags
    (0x54, 0, 0, _SYN_AND_ACK),  # of them, these two
    (0x15, 0, 1, _SYN),  # only the first packet of a connection has SYN alone
    (0x06, 0, 0, _DROP),
    (0x06, 0, 0, _KEEP),
)
"""Classic BPF: operation, jumps if true and if false, operand."""


def turn_away(listener: socket.socket) -> None:
    """Let no new connection begin on a socket that is about to be closed, where the system can do that: on Linux."""
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in _PROGRAM)
    buffer = ctypes.create_string_buffer(code)
    with suppress(OSError):
        listener.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(_PROGRAM), ctypes.addressof(buffer))
        )
