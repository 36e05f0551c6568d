"""TLS towards Apple and Google. Everything here reads files: call it off the event loop."""

import ssl
import tempfile
from pathlib import Path


def client_context(ca_file: str) -> ssl.SSLContext:
    """Make a verifying client context that offers HTTP/2 (RFC 9113 section 3.2).

    Args:
        ca_file: a PEM file of the only authorities to trust; "" trusts the system's.

    Raises:
        OSError: the file is missing or holds no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    return context


def with_certificate(context: ssl.SSLContext, certificate: str, key: str) -> ssl.SSLContext:
    """Let `context` present a client certificate; both arguments are PEM text.

    `ssl` reads certificates from files only, so they lie for an instant in a folder nobody else can enter.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "certificate.pem"
        file.touch(mode=0o600)
        file.write_text(f"{certificate}\n{key}")
        context.load_cert_chain(file)
    return context
