"""Key and certificate of a server on 127.0.0.1, as files."""

from pathlib import Path

import trustme


def write_identity(authority: trustme.CA, folder: Path) -> tuple[Path, Path]:
    """Write them into `folder`; return the key's file and the certificate's."""
    issued = authority.issue_cert("127.0.0.1")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    issued.private_key_pem.write_to_path(key)
    issued.cert_chain_pems[0].write_to_path(certificate)
    return key, certificate
