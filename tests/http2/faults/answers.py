"""Answers in shapes that are rare, odd or wrong."""

from hpack import Encoder

from tests.http2.faults.stage import BROKEN, A, B, C, Fate, Fault, Stage, block, says
from tests.http2.scripted import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HAS_PRIORITY,
    HEADERS,
    PADDED,
    WINDOW_UPDATE,
    frame,
    reset,
)

PROTOCOL_ERROR = 1
REASON = '{"reason":"BadDeviceToken"}'
HTML = "<html><h1>502 Bad Gateway</h1></html>"
ID = ("apns-id", "9F4E0C4D-7E3A-4B6B-9E0A-000000000001")
WITH_ID = f"apns-id={ID[1]}"
WITHOUT_BODY = END_HEADERS | END_STREAM


def head(status: int | str | None, *headers: tuple[str, str], flags: int = END_HEADERS) -> bytes:
    return frame(HEADERS, flags, A, block(status, headers))


def data(text: str, flags: int = END_STREAM) -> bytes:
    return frame(DATA, flags, A, text.encode())


def by_the_octet(text: str) -> bytes:
    """Write a body in frames as small as can be, some of them empty, some of padding alone."""
    pieces = [data(each, 0) + data("", 0) + data("\2\0\0", PADDED) for each in text]
    return b"".join((*pieces, data("")))


def in_pieces(encoded: bytes) -> bytes:
    """Write the header block of an answer without a body, an octet a frame, the first and the last empty."""
    pieces = [frame(CONTINUATION, 0, A, encoded[at : at + 1]) for at in range(len(encoded))]
    return b"".join((frame(HEADERS, END_STREAM, A), *pieces, frame(CONTINUATION, END_HEADERS, A)))


def padded(encoded: bytes) -> bytes:
    flags = WITHOUT_BODY | PADDED | HAS_PRIORITY
    return frame(HEADERS, flags, A, b"\x03" + bytes(5) + encoded + bytes(3))


def with_a_table(*sizes: int) -> bytes:
    """Write two answers with tables of these sizes, as a peer may that has not read our SETTINGS."""
    encoder, written = Encoder(), b""
    for size in sizes:
        encoder.header_table_size = size
    for stream in (A, B):
        written += frame(HEADERS, WITHOUT_BODY, stream, encoder.encode([(":status", "410"), ID]))
    return written


async def fills_our_window(stage: Stage) -> None:
    """Send more error bodies than our first window takes, as we widen it."""
    stage.take(A, B, C)
    stage.peer.answer(A, 503, b"x" * 32_000)
    stage.peer.answer(B, 503, b"x" * 32_000)
    assert (await stage.peer.until(WINDOW_UPDATE)).stream == 0
    stage.peer.answer(C, 503, b"x" * 60_000)


GOOD = {
    "error without a body": (head(410, flags=WITHOUT_BODY), "410"),
    "error with a body": (head(400, ID) + data(REASON), f"400 {WITH_ID} {REASON}"),
    "error with a body by the octet": (head(400) + by_the_octet(REASON), f"400 {REASON}"),
    "error in HTML": (head(502) + data(HTML), f"502 {HTML}"),
    "error in JSON cut short": (head(400) + data(REASON[:-2]), f"400 {REASON[:-2]}"),
    "body of the length it says": (head(400, ("content-length", "4")) + data("four"), "400 content-length=4 four"),
    "header block in pieces": (in_pieces(block(410, [ID])), f"410 {WITH_ID}"),
    "header block in pieces without Huffman": (in_pieces(block(410, [ID], huffman=False)), f"410 {WITH_ID}"),
    "header block with padding and priority": (padded(block(410, [ID])), f"410 {WITH_ID}"),
    "header block as large as may be": (head(200, ("x", "~" * 10_000)) + data(""), "200 x=(10000 octets)"),
    "trailers": (head(200) + data("body", 0) + head(None, ("checksum", "x"), flags=WITHOUT_BODY), "200 body"),
    "trailers of nothing": (head(200) + frame(HEADERS, WITHOUT_BODY, A), "200"),
}
"""What the peer says for the first request, and what arrives of it."""
EARLY = {
    "100 before the answer": head(100),
    "103 before the answer": head(103, ("link", "</style.css>")),
    "several 1xx before the answer": head(100) + head(102) + head(103) * 20 + head(199),
}
"""What comes before the answer, and is none."""
BAD = {
    "body shorter than it says": head(410, ("content-length", "5")) + data("four"),
    "body longer than it says": head(410, ("content-length", "3")) + data("four"),
    "no body where it says there is": head(410, ("content-length", "1"), flags=WITHOUT_BODY),
    "length that is no number": head(410, ("content-length", "x")) + data("four"),
    "end before the answer": head(100, flags=WITHOUT_BODY),
    "other protocol in place of the answer": head(101),
    "status missing": head(None, ID, flags=WITHOUT_BODY),
    "status of two digits": head("20", flags=WITHOUT_BODY),
    "status of letters": head("abc", flags=WITHOUT_BODY),
    "status in other digits": head("٢٠٠", flags=WITHOUT_BODY),
    "header in capitals": head(200, ("Apns-Id", "1"), flags=WITHOUT_BODY),
    "header of a connection": head(200, ("transfer-encoding", "chunked"), flags=WITHOUT_BODY),
    "headers twice": head(200) + head(200, flags=WITHOUT_BODY),
    "trailers that are not the end": head(200) + head(None, ("checksum", "x")),
}
"""What is no answer; the other streams go on."""
WITH_A_TABLE = {"entries": (4096,), "a resized table": (4096, 100, 1000), "a table emptied and refilled": (0, 4096)}
GONE = Fate(f"410 {WITH_ID}")
ANSWERS = [
    *[Fault(name, says(octets, takes=(A,)), a=Fate(end)) for name, (octets, end) in GOOD.items()],
    *[Fault(name, says(octets)) for name, octets in EARLY.items()],
    *[
        Fault(name, says(octets, takes=(A,)), a=BROKEN, complaints=(reset(A, PROTOCOL_ERROR),))
        for name, octets in BAD.items()
    ],
    *[
        Fault(f"header blocks with {name}", says(with_a_table(*sizes), takes=(A, B)), a=GONE, b=GONE)
        for name, sizes in WITH_A_TABLE.items()
    ],
    Fault(
        "header block with entries behind the end",
        says(frame(HEADERS, WITHOUT_BODY, A, b"\x88"), with_a_table(4096), takes=(A, B)),
        b=GONE,
    ),
    Fault(
        "more error bodies than a window takes",
        fills_our_window,
        *(Fate(f"503 ({size} octets)") for size in (32_000, 32_000, 60_000)),
    ),
]
