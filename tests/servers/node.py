"""Node's HTTP/2 server, which does on each request what its path says: see node_server.js."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from tests.servers.identity import write_identity
from tests.servers.process import Running, free_port, running

SCRIPT = Path(__file__).with_name("node_server.js")


@contextmanager
def node(authority: trustme.CA, folder: Path) -> Iterator[Running]:
    """Run it.

    Args:
        authority: issues its certificate.
        folder: for the certificate.
    """
    port = free_port()
    with running(port, "node", SCRIPT, str(port), *write_identity(authority, folder)) as server:
        yield server
