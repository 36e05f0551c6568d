"""nghttpd, the server that comes with nghttp2."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from tests.servers.identity import write_identity
from tests.servers.process import Running, free_port, running

COMMAND = "nghttpd"


@contextmanager
def nghttpd(authority: trustme.CA, folder: Path, *options: str) -> Iterator[Running]:
    """Run it with one worker.

    Args:
        authority: issues its certificate.
        folder: for the certificate; the folder `root` in it is what it serves.
        options: as on its command line.
    """
    root = folder / "root"
    root.mkdir(exist_ok=True)
    key, certificate = write_identity(authority, folder)
    port = free_port()
    with running(port, COMMAND, "-a", "127.0.0.1", "-d", root, *options, str(port), key, certificate) as server:
        yield server
